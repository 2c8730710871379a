import { createHash } from 'node:crypto'

/** What the script answers when the store itself stands in the way. */
export const obstacles = ['readonly', 'evicting', 'blind', 'full'] as const

/** Changes of one answer, entries of one step of reading the whole list, and entries of one writing, at the most. */
export const BATCH = { changes: 500, scan: 500, merge: 200 } as const

/** Changes that are kept for replicas which are behind; one that is further behind reads everything again. */
const KEPT_CHANGES = 10_000
/** Seconds an entry stays after its end, so that no difference of clocks lets a token pass again. */
const MARGIN = 60

/**
 * The revocations of one issuer: every step of reading and writing them.
 *
 * KEYS, in one hash slot: 1 a hash of the entries, and of `epoch` and `serial`; 2 a stream of the changes; 3 a sorted set
 * of the ends of entries. ARGV: 1 tag that comes back, so that a reply is never taken for another's; 2 the step; 3 an
 * epoch for a list that does not exist yet; then for `look` the last serial the caller knows; for `read` a cursor; for
 * `merge` how many entries there may be, the caller's time, and the entries, three words each. Answer: tag, word,
 * identity, serial, more.
 *
 * The identity names the process (run_id), the history of its data (master_replid) and the list (epoch): a restart, an
 * older snapshot, a failover, a flush and an eviction change one of them or set the serial back. The epoch lies in the
 * same key as the entries, so that it cannot survive them. Each change has the next serial, which is its id in the stream
 * too: a gap shows. An entry only gets stronger: of two times the later one counts, and 0 is later than any.
 */
const source = `
local tag, step = ARGV[1], ARGV[2]
local replication = redis.call('INFO', 'replication')
if not string.find(replication, 'role:master', 1, true) then return {tag, 'readonly'} end
local run = string.match(redis.call('INFO', 'server'), 'run_id:(%w+)')
local history = string.match(replication, 'master_replid:(%w+)')
local policy = string.match(redis.call('INFO', 'memory'), 'maxmemory_policy:([%w-]+)')
if not (run and history and policy) then return {tag, 'blind'} end
if policy ~= 'noeviction' then return {tag, 'evicting'} end

local entries, changes, ends = KEYS[1], KEYS[2], KEYS[3]
local epoch = redis.call('HGET', entries, 'epoch')
if not epoch then
  epoch = ARGV[3]
  redis.call('HSET', entries, 'epoch', epoch, 'serial', 0)
  redis.call('DEL', changes, ends)
end
local identity = run .. ' ' .. history .. ' ' .. epoch
local serial = tonumber(redis.call('HGET', entries, 'serial') or 0)

if step == 'look' then
  local known = tonumber(ARGV[4])
  local found = {}
  if known < serial then
    for _, change in ipairs(redis.call('XRANGE', changes, string.format('%d-0', known + 1), '+', 'COUNT', ${BATCH.changes})) do
      found[#found + 1] = tonumber(string.match(change[1], '^(%d+)'))
      found[#found + 1] = change[2][1]
      found[#found + 1] = change[2][2]
    end
  end
  return {tag, 'seen', identity, serial, found}
end

if step == 'read' then
  local page = redis.call('HSCAN', entries, ARGV[4], 'COUNT', ${BATCH.scan})
  return {tag, 'read', identity, serial, {page[1], page[2]}}
end

-- An entry is over when it is on both clocks: one that is ahead must not take away what is still needed.
local now = math.min(tonumber(redis.call('TIME')[1]), tonumber(ARGV[5]))
for _, key in ipairs(redis.call('ZRANGEBYSCORE', ends, '-inf', now - ${MARGIN}, 'LIMIT', 0, 2 * ${BATCH.merge})) do
  redis.call('HDEL', entries, key)
  redis.call('ZREM', ends, key)
end
local function later(one, other)
  if one == 0 or other == 0 then return 0 end
  return math.max(one, other)
end
local wanted, additional = {}, 0
for place = 6, #ARGV, 3 do
  local key, before, till = ARGV[place], tonumber(ARGV[place + 1]), tonumber(ARGV[place + 2])
  local held = wanted[key] or redis.call('HGET', entries, key)
  if held then
    local heldBefore, heldTill = string.match(held, '^(%d+) (%d+)$')
    before, till = later(before, tonumber(heldBefore)), later(till, tonumber(heldTill))
  else
    additional = additional + 1
  end
  wanted[key] = string.format('%d %d', before, till)
end
if additional > 0 and redis.call('HLEN', entries) - 2 + additional > tonumber(ARGV[4]) then return {tag, 'full'} end
for key, value in pairs(wanted) do
  if redis.call('HGET', entries, key) ~= value then
    serial = serial + 1
    redis.call('HSET', entries, key, value, 'serial', serial)
    redis.call('XADD', changes, 'MAXLEN', '~', ${KEPT_CHANGES}, string.format('%d-0', serial), key, value)
    local till = string.match(value, ' (%d+)$')
    if till == '0' then redis.call('ZREM', ends, key) else redis.call('ZADD', ends, till, key) end
  end
end
return {tag, 'merged', identity, serial, {}}
`

/** The script and the name under which Redis keeps it. */
export const revocationScript = { source, sha: createHash('sha1').update(source).digest('hex') } as const
