import { mkdirSync, mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { makeDirectory } from '../../../src/base/make-directory.ts'

let root: string

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'snapkeep-directory-'))
})
afterEach(() => rmSync(root, { recursive: true }))

const modeOf = (path: string): number => statSync(path).mode & 0o777

it('makes what is missing, with its mode, and leaves what is there', () => {
  mkdirSync(join(root, 'there'), { mode: 0o755 })
  for (let times = 0; times < 2; times++) makeDirectory(join(root, 'there', 'a', 'b'), 0o700)
  expect(['there', 'there/a', 'there/a/b'].map((name) => modeOf(join(root, name)))).toEqual([
    0o755, 0o700, 0o700,
  ])
})

it('takes a link to a directory for one', () => {
  symlinkSync(root, join(root, 'link'))
  makeDirectory(join(root, 'link'), 0o700)
  makeDirectory(join(root, 'link', 'a'), 0o700)
  expect(modeOf(join(root, 'a'))).toBe(0o700)
})

it('throws where something else is in the way', () => {
  writeFileSync(join(root, 'file'), '')
  symlinkSync(join(root, 'nowhere', 'else'), join(root, 'dangling'))
  expect(() => makeDirectory(join(root, 'file'), 0o700)).toThrow('EEXIST')
  expect(() => makeDirectory(join(root, 'file', 'a'), 0o700)).toThrow('ENOTDIR')
  expect(() => makeDirectory(join(root, 'dangling'), 0o700)).toThrow('EEXIST')
})

it('ends where the system says of all that is to be made in a directory that it does not exist', () => {
  expect(() => makeDirectory('/proc/nope/a/b', 0o700)).toThrow('ENOENT')
})
