-- Posts the lines of the file $BODIES in turn, so that no cache can answer, and prints its figures as one line of JSON.
local bodies, at = {}, 0
function init(args)
  wrk.method = "POST"; wrk.headers["Content-Type"] = os.getenv("TYPE") or "application/json"
  for line in io.lines(os.getenv("BODIES")) do bodies[#bodies + 1] = line end
end
function request()
  at = at % #bodies + 1
  return wrk.format(nil, nil, nil, bodies[at])
end
function done(s, l, r)
  io.write(string.format('JSON {"rate": %.1f, "median": %.6f, "p99": %.6f, "slowest": %.6f, "requests": %d, "refused": %d, "timeouts": %d, "broken": %d}\n',
    s.requests / (s.duration / 1e6), l:percentile(50) / 1e6, l:percentile(99) / 1e6, l.max / 1e6, s.requests,
    s.errors.status, s.errors.timeout, s.errors.connect + s.errors.read + s.errors.write))
end
