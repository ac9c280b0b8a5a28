-- wrk's script: POSTs by the authors whose tokens stand in a file, one a line, to videos in turn.
-- Arguments: the file of tokens, how many videos, their names' beginning, POSTs a second (0: as many as go).
-- Prints one line of JSON: what was answered, and how late.

local ffi = require("ffi")
ffi.cdef [[
  typedef struct { long tv_sec; long tv_nsec; } timespec;
  int clock_gettime(int clock, timespec *now);
]]
local CLOCK_MONOTONIC = 1
local now = ffi.new("timespec")

local function now_ms()
  ffi.C.clock_gettime(CLOCK_MONOTONIC, now)
  return tonumber(now.tv_sec) * 1000 + tonumber(now.tv_nsec) / 1e6
end

local threads = {}

function setup(thread)
  table.insert(threads, thread)
end

function init(arguments)
  created, accepted, others = 0, 0, 0
  heads = {}
  for token in io.lines(arguments[1]) do
    table.insert(heads, { ["Authorization"] = "Bearer " .. token, ["Content-Type"] = "application/json" })
  end
  videos, name, per_s = tonumber(arguments[2]), arguments[3], tonumber(arguments[4])
  sent = 0
end

-- An open loop as long as there are more connections than POSTs on their way: each takes the next place in time.
if true then
  local due = nil
  function delay()
    if per_s == 0 then
      return 0
    end
    local at = now_ms()
    due = math.max((due or at) + 1000 / per_s, at - 1000)
    return math.max(0, math.floor(due - at + 0.5))
  end
end

function request()
  sent = sent + 1
  local body = '{"message":"what a goal, unbelievable scenes here tonight! ' .. sent .. '"}'
  local video = name .. (sent * 7919) % videos
  return wrk.format("POST", "/comments/" .. video, heads[sent % #heads + 1], body)
end

function response(status)
  if status == 201 then
    created = created + 1
  elseif status == 202 then
    accepted = accepted + 1
  else
    others = others + 1
  end
end

function done(summary, latency)
  local created, accepted, others = 0, 0, 0
  for _, thread in ipairs(threads) do
    created = created + thread:get("created")
    accepted = accepted + thread:get("accepted")
    others = others + thread:get("others")
  end
  local errors = summary.errors
  io.write(string.format(
    '{"seconds":%.3f,"created":%d,"accepted":%d,"others":%d,"errors":%d,"p50_ms":%.3f,"p99_ms":%.3f,"max_ms":%.3f}\n',
    summary.duration / 1e6, created, accepted, others, errors.connect + errors.read + errors.write + errors.timeout,
    latency:percentile(50) / 1000, latency:percentile(99) / 1000, latency.max / 1000))
end
