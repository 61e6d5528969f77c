import { expect, it } from 'vitest'
import { SharedSlots } from '../../../src/base/shared-slots.ts'
import { Chance } from '../../support/builders.ts'

it('hands out no byte twice, whatever is given back meanwhile, and never more than there is', () => {
  const chance = new Chance(71)
  const slots = new SharedSlots(200_000)
  const taken: Uint8Array[] = []
  let refused = 0
  for (let step = 0; step < 5_000; step += 1) {
    const slot = chance.int(5) < 3 ? slots.take(chance.between(0, 9_000)) : undefined
    if (slot === undefined) {
      refused += 1
      const [gone] = taken.splice(chance.int(Math.max(1, taken.length)), 1)
      if (gone !== undefined) slots.giveBack(gone)
      continue
    }
    expect(slot.byteOffset + slot.length).toBeLessThanOrEqual(slot.buffer.byteLength)
    for (const other of taken) {
      const isBeside =
        slot.byteOffset >= other.byteOffset + other.length ||
        other.byteOffset >= slot.byteOffset + slot.length
      expect(isBeside).toBe(true)
    }
    taken.push(slot)
  }
  expect(refused).toBeGreaterThan(1_000)
  expect(new Set(taken.map(({ buffer }) => buffer)).size).toBe(1)
})

it('uses at least four fifths of its memory for what lies in it', () => {
  const slots = new SharedSlots(1_000_000)
  const chance = new Chance(72)
  let bytes = 0
  for (;;) {
    const slot = slots.take(chance.between(2_000, 20_000))
    if (slot === undefined) break
    bytes += slot.length
  }
  expect(bytes).toBeGreaterThan(780_000)
})

it('has room again for what was given back, and for everything when it was cleared', () => {
  const slots = new SharedSlots(10_000)
  const first = slots.take(6_000)
  expect(first).toBeDefined()
  expect(slots.take(6_000)).toBeUndefined()
  slots.giveBack(first!)
  expect(slots.take(6_000)?.byteOffset).toBe(first!.byteOffset)
  expect(slots.take(6_000)).toBeUndefined()
  slots.clear()
  expect(slots.take(8_000)).toBeDefined()
})
