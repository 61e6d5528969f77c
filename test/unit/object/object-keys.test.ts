import { describe, expect, it } from 'vitest'
import { indexId, listId, packId, slotId } from '../../../src/model/ids.ts'
import * as keys from '../../../src/object/object-keys.ts'

const ID = '3f0123456789abcdef0123456789abcd'

describe('object keys', () => {
  it('are those of the format', () => {
    expect(keys.logKey(7)).toBe('log/0000000000000007')
    expect(keys.packKey(packId(ID))).toBe(`packs/3f/${ID}`)
    expect(keys.indexKey(indexId(ID))).toBe(`index/${ID}`)
    expect(keys.slotKey(slotId(ID))).toBe(`slots/${ID}`)
    expect(keys.listKey(listId(ID))).toBe(`lists/${ID}`)
  })

  it('lead back to what they name', () => {
    expect(keys.logNumberOf(keys.logKey(Number.MAX_SAFE_INTEGER))).toBe(Number.MAX_SAFE_INTEGER)
    expect(keys.packIdOf(`packs/3f/${ID}`)).toBe(ID)
    expect(keys.indexIdOf(`index/${ID}`)).toBe(ID)
    expect(keys.slotIdOf(`slots/${ID}`)).toBe(ID)
  })

  it('of any other form name nothing', () => {
    expect(keys.packIdOf(`packs/40/${ID}`)).toBeUndefined()
    expect(keys.packIdOf(`packs/3f/${ID}0`)).toBeUndefined()
    expect(keys.indexIdOf(`index/${ID.toUpperCase()}`)).toBeUndefined()
    expect(keys.slotIdOf(`slots/${ID}.tmp`)).toBeUndefined()
    expect(keys.logNumberOf('log/7')).toBeUndefined()
    expect(keys.logNumberOf('log/9999999999999999')).toBeUndefined()
  })
})
