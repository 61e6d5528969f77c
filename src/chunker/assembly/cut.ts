// `../cut.ts` in AssemblyScript, for a whole window at once. All arguments are addresses or bytes in this module's
// memory, whose first KiB holds the gear table (`../chunker.ts` lays the memory out and owns it).

/**
 * Cuts the data from `start` to `end` and writes the address of each chunk's end to `ends`; returns how many.
 * Unless `final`, a last chunk that more data could lengthen is left out.
 */
export function cut(
  start: u32,
  end: u32,
  final: bool,
  min: u32,
  normal: u32,
  max: u32,
  strictMask: u32,
  easyMask: u32,
  ends: u32,
): u32 {
  let count: u32 = 0
  while (start < end) {
    const full = start + max
    const limit = full < end ? full : end
    let at = limit
    if (start + min < limit) {
      const normalEnd = start + normal
      const border = normalEnd < limit ? normalEnd : limit
      at = scan(start + min, border, strictMask)
      if (at == border && border < limit) at = scan(border, limit, easyMask)
    }
    if (at == end && at != full && !final) break
    store<u32>(ends + (count << 2), at)
    count += 1
    start = at
  }
  return count
}

/** The first place in `from` to `to` - 1 whose hash meets the mask, or `to`. */
// @ts-ignore: decorator
@inline
function scan(from: u32, to: u32, mask: u32): u32 {
  let hash: u32 = 0
  for (let at: u32 = from - 32; at < from; at += 1) hash = (hash << 1) + gear(load<u8>(at))
  let at = from
  for (; at + 8 <= to; at += 8) {
    if (!(hash & mask)) return at
    hash = (hash << 1) + gear(load<u8>(at))
    if (!(hash & mask)) return at + 1
    hash = (hash << 1) + gear(load<u8>(at, 1))
    if (!(hash & mask)) return at + 2
    hash = (hash << 1) + gear(load<u8>(at, 2))
    if (!(hash & mask)) return at + 3
    hash = (hash << 1) + gear(load<u8>(at, 3))
    if (!(hash & mask)) return at + 4
    hash = (hash << 1) + gear(load<u8>(at, 4))
    if (!(hash & mask)) return at + 5
    hash = (hash << 1) + gear(load<u8>(at, 5))
    if (!(hash & mask)) return at + 6
    hash = (hash << 1) + gear(load<u8>(at, 6))
    if (!(hash & mask)) return at + 7
    hash = (hash << 1) + gear(load<u8>(at, 7))
  }
  for (; at < to; at += 1) {
    if (!(hash & mask)) return at
    hash = (hash << 1) + gear(load<u8>(at))
  }
  return to
}

// @ts-ignore: decorator
@inline
function gear(byte: u32): u32 {
  return load<u32>(byte << 2)
}
