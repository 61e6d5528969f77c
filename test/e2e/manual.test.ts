import { readdirSync, readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { shapeOf } from '../../src/cli/command-shape.ts'
import { COMMANDS } from '../../src/cli/commands/index.ts'
import type { Surroundings } from '../../src/cli/context.ts'
import { manualPages } from '../../src/cli/manual/pages.ts'
import { buildProgram } from '../../src/cli/program.ts'

const root = new URL('../../', import.meta.url).pathname

it('the build has made the manual pages of these commands', () => {
  const { version } = JSON.parse(readFileSync(`${root}package.json`, 'utf8'))
  const surroundings = { stdout: { write() {} } } as unknown as Surroundings
  const expected = manualPages(shapeOf(buildProgram(COMMANDS, surroundings, version)), version)
  const built = readdirSync(`${root}man`).map((name) => [name, readFileSync(`${root}man/${name}`, 'utf8')])
  expect(Object.fromEntries(built)).toEqual(Object.fromEntries(expected))
})
