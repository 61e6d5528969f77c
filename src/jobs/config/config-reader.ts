/** What reading any part of a configuration takes: where its paths begin, where its problems go, and what is secret in it. */
import { homedir } from 'node:os'
import { dirname, isAbsolute, join, resolve } from 'node:path'
import { messageOf, SnapError } from '../../model/errors.ts'
import type { SecretText } from './config.ts'
import { pathText } from './shape-problems.ts'
import type { ConfigPath, ConfigProblem, YamlText } from './yaml-text.ts'

const FILE_REFERENCE = /^file:(.+)$/s

export class ConfigReader {
  readonly #directory: string
  readonly #yaml: YamlText
  readonly problems: ConfigProblem[] = []
  /** Where secrets stand in the file as they are. */
  readonly plainSecrets: string[] = []

  /** `file`: absolute. */
  constructor(file: string, yaml: YamlText) {
    this.#directory = dirname(file)
    this.#yaml = yaml
  }

  problem(path: ConfigPath, message: string): void {
    this.problems.push({ ...this.#yaml.placeOf(path), message: `${pathText(path)}: ${message}` })
  }

  /** What `parse` gives, or a problem in its words. */
  parsed<T>(path: ConfigPath, parse: () => T): T | undefined {
    try {
      return parse()
    } catch (error) {
      if (!(error instanceof SnapError)) throw error
      this.problem(path, error.hint === undefined ? messageOf(error) : `${messageOf(error)}. ${error.hint}`)
      return undefined
    }
  }

  /** As `parsed`, of a key that may be absent. */
  optional<From, To>(path: ConfigPath, value: From | undefined, parse: (value: From) => To): To | undefined {
    return value === undefined ? undefined : this.parsed(path, () => parse(value))
  }

  /** `~/` is the home directory; what is not absolute is relative to the file's directory. */
  absolute(text: string): string {
    if (text === '~' || text.startsWith('~/')) return resolve(join(homedir(), text.slice(1)))
    return isAbsolute(text) ? resolve(text) : resolve(this.#directory, text)
  }

  /** A program and its arguments: a program in the home directory may be written with `~/`. */
  argv([program = '', ...args]: readonly string[]): [string, ...string[]] {
    return [program.startsWith('~/') ? this.absolute(program) : program, ...args]
  }

  secret(path: ConfigPath, text: string): SecretText {
    const reference = FILE_REFERENCE.exec(text)
    if (reference?.[1] !== undefined) return { kind: 'file', path: this.absolute(reference[1]) }
    if (this.#yaml.writtenAt(path) === text) this.plainSecrets.push(pathText(path))
    return { kind: 'text', text }
  }
}
