import { describe, expect, it } from 'vitest'
import { AssertionError, assert } from '../../../src/base/assert.ts'
import { ERROR_CODES, SnapError } from '../../../src/model/errors.ts'
import { unwireError, wireError } from '../../../src/workers/wire-error.ts'

const across = (error: unknown) => unwireError(structuredClone(wireError(error)))

describe('an error that crosses threads', () => {
  it.each(ERROR_CODES)('keeps the code %s, message and hint', (code) => {
    const error = across(
      new SnapError(code, 'what happened', { hint: 'what to do', cause: new Error('why') }),
    )
    expect(error).toBeInstanceOf(SnapError)
    expect(error).toMatchObject({ code, message: 'what happened', hint: 'what to do' })
    expect(across(new SnapError(code, 'x'))).toMatchObject({ hint: undefined })
  })

  it('stays our own mistake where it was one, and says where it came from', () => {
    let thrown: unknown
    try {
      assert(false, 'this cannot be')
    } catch (error) {
      thrown = error
    }
    const error = across(thrown)
    expect(error).toBeInstanceOf(AssertionError)
    expect(error.message).toContain('this cannot be')
    expect(error.stack).toContain('wire-error.test')
  })

  it('is our own mistake where it has a code that is no code of ours, and whatever was thrown', () => {
    const error = across(Object.assign(new Error('no space'), { code: 'ENOSPC' }))
    expect(error).toBeInstanceOf(AssertionError)
    expect(across('just text').message).toContain('just text')
    expect(unwireError({ code: 'NONE', message: 'm', hint: undefined, stack: undefined })).toBeInstanceOf(
      AssertionError,
    )
  })
})
