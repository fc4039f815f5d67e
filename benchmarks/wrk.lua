-- Requests for wrk: one line of the plan file each, in turn (the lines are shuffled already).
-- WRK_METHOD GET: a line is a path. POST: a line is a JSON body, WRK_PATH the path.
-- Run with -t1: each line is then sent once before any is sent again.

local method = os.getenv("WRK_METHOD")
local path = os.getenv("WRK_PATH")
local requests, position = {}, 0

function init()
  for line in io.lines(os.getenv("WRK_PLAN")) do
    if method == "GET" then
      requests[#requests + 1] = wrk.format("GET", line)
    else
      local headers = { ["Content-Type"] = "application/json" }
      requests[#requests + 1] = wrk.format(method, path, headers, line)
    end
  end
end

function request()
  position = position % #requests + 1
  return requests[position]
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    'RESULT {"requests": %d, "seconds": %.6f, "errors": %d, "p50_ms": %.3f, "p99_ms": %.3f}\n',
    summary.requests, summary.duration / 1e6,
    errors.status + errors.connect + errors.read + errors.write + errors.timeout,
    latency:percentile(50) / 1e3, latency:percentile(99) / 1e3))
end
