-- Sends the requests of a file, which are separated by NUL, in turn.
-- Arguments: the file, and how many of them to leave out at first.
local requests, at = {}, 0

function init(args)
  for text in io.open(args[1], "rb"):read("*a"):gmatch("%Z+") do
    requests[#requests + 1] = text
  end
  at = tonumber(args[2])
end

function request()
  at = at % #requests + 1
  return requests[at]
end

function done(summary, latency)
  local errors = summary.errors
  print(string.format("done %d %d %d %d", summary.requests, summary.duration, errors.status,
    errors.connect + errors.read + errors.write + errors.timeout))
end
