import { describe, expect, it } from 'vitest'
import { parseSize } from '../../../../src/base/sizes.ts'
import { commandsBelow, shapeOf } from '../../../../src/cli/command-shape.ts'
import { COMMANDS } from '../../../../src/cli/commands/index.ts'
import { knownValueOfArgument, knownValueOfOption } from '../../../../src/cli/completion/values.ts'
import type { Surroundings } from '../../../../src/cli/context.ts'
import { buildProgram } from '../../../../src/cli/program.ts'

const surroundings = { stdout: { write() {} } } as unknown as Surroundings
const program = shapeOf(buildProgram(COMMANDS, surroundings, '0.0.0'))
const commands = [program, ...commandsBelow(program)]

describe('the table of values', () => {
  it('knows what the value of every option is', () => {
    const unknown = commands.flatMap((command) =>
      command.options
        .filter((option) => knownValueOfOption(command, option) === undefined)
        .map(({ flags }) => `${command.path}: ${flags}`),
    )
    expect(unknown).toEqual([])
  })

  it('knows what every argument is', () => {
    const unknown = commands.flatMap(({ path, arguments: given }) =>
      given
        .filter((argument) => knownValueOfArgument(argument) === undefined)
        .map(({ name }) => `${path}: ${name}`),
    )
    expect(unknown).toEqual([])
  })

  it('has every average chunk size from 4k to 256k', () => {
    const init = commands.find(({ path }) => path === 'init')!
    const value = knownValueOfOption(init, init.options.find(({ long }) => long === '--chunk-size')!)
    const sizes = value?.kind === 'words' ? value.words.map(parseSize) : []
    expect(sizes).toEqual([12, 13, 14, 15, 16, 17, 18].map((power) => 2 ** power))
  })

  it('has what the program names as the choices of an option', () => {
    const closed = commands.flatMap((command) =>
      command.options.flatMap((option) => {
        const value = knownValueOfOption(command, option)
        return value?.kind === 'words' && value.words.length > 1 ? [{ option, words: value.words }] : []
      }),
    )
    for (const { option, words } of closed.filter(({ option: { long } }) => long !== '--chunk-size'))
      for (const word of words) expect(option.description).toContain(word)
    expect(closed.length).toBeGreaterThan(4)
  })
})
