-- What wrk measured, as one line of JSON. Latencies are microseconds.
function done(summary, latency, requests)
   local errors = summary.errors
   io.write(string.format('{"requests": %d, "microseconds": %d, "errors": %d, "p50": %d, "p99": %d}\n',
      summary.requests, summary.duration,
      errors.connect + errors.read + errors.write + errors.status + errors.timeout,
      latency:percentile(50), latency:percentile(99)))
end
