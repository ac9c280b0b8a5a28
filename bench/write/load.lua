-- wrk's script. Prints one line of JSON: what was answered, and how late.
--
--   post TOKENS VIDEOS NAME PER_SECOND   POSTs by the authors whose tokens stand in a file, one a line, to videos in turn;
--                                        PER_SECOND 0: as many as go; a further FILE has texts, one a line
--   page TOKEN PATHS                     GETs of the paths that stand in a file, one a line, in turn

local ffi = require("ffi")
ffi.cdef [[
  typedef struct { long tv_sec; long tv_nsec; } timespec;
  int clock_gettime(int clock, timespec *now);
]]
local CLOCK_REALTIME, CLOCK_MONOTONIC = 0, 1
local LATEST_MS = 1000 -- an open loop that is further behind than this gives up what it missed

local now = ffi.new("timespec")
local function now_us(clock)
  ffi.C.clock_gettime(clock, now)
  return tonumber(now.tv_sec) * 1e6 + math.floor(tonumber(now.tv_nsec) / 1e3)
end

local threads = {}
function setup(thread)
  table.insert(threads, thread)
end

statuses = {}
function response(status)
  statuses[status] = (statuses[status] or 0) + 1
end

local function lines(file)
  local found = {}
  for line in io.lines(file) do
    table.insert(found, line)
  end
  return found
end

local ways = {}

function ways.post(arguments)
  local heads, sent = {}, 0
  for _, token in ipairs(lines(arguments[2])) do
    table.insert(heads, { ["Authorization"] = "Bearer " .. token, ["Content-Type"] = "application/json" })
  end
  local videos, name, per_s = tonumber(arguments[3]), arguments[4], tonumber(arguments[5])
  if per_s > 0 then
    -- Open as long as there are more connections than POSTs on their way: each takes the next place in time.
    local due = nil
    function delay()
      local at = now_us(CLOCK_MONOTONIC) / 1000
      due = math.max((due or at) + 1000 / per_s, at - LATEST_MS)
      return math.max(0, math.floor(due - at + 0.5))
    end
  end
  local texts = arguments[6] and lines(arguments[6]) or { "what a goal, unbelievable scenes here tonight!" }
  return function()
    sent = sent + 1
    -- A text begins with when it was sent, in microseconds since 1970, for viewers to say how late it came.
    local text = texts[sent % #texts + 1]
    local body = string.format('{"message":"%.0f %s"}', now_us(CLOCK_REALTIME), text)
    local path = "/comments/" .. name .. (sent * 7919) % videos
    return wrk.format("POST", path, heads[sent % #heads + 1], body)
  end
end

function ways.page(arguments)
  local head, requests, sent = { ["Authorization"] = "Bearer " .. arguments[2] }, {}, 0
  for _, path in ipairs(lines(arguments[3])) do
    table.insert(requests, wrk.format("GET", path, head))
  end
  return function()
    sent = sent + 1
    return requests[sent % #requests + 1]
  end
end

function init(arguments)
  request = ways[arguments[1]](arguments)
end

function done(summary, latency)
  local total, parts = {}, {}
  for _, thread in ipairs(threads) do
    for status, count in pairs(thread:get("statuses")) do
      total[status] = (total[status] or 0) + count
    end
  end
  for status, count in pairs(total) do
    table.insert(parts, string.format('"%d":%d', status, count))
  end
  local errors = summary.errors
  io.write(string.format(
    '{"seconds":%.3f,"statuses":{%s},"errors":%d,"p50_ms":%.3f,"p99_ms":%.3f,"max_ms":%.3f}\n',
    summary.duration / 1e6, table.concat(parts, ","), errors.connect + errors.read + errors.write + errors.timeout,
    latency:percentile(50) / 1000, latency:percentile(99) / 1000, latency.max / 1000))
end
