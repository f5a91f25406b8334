"""What is kept over a restart, as plain values (rule 67). Pure: the files are `lbtwist.service.state`'s."""
