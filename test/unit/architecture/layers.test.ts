import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { describe, expect, it } from 'vitest'

const SRC = resolve(import.meta.dirname, '../../../src')

/** Folders from the ground up. A folder may import from the lines below its own, and from itself. */
const LINES: readonly (readonly string[])[] = [
  ['base', 'model'],
  ['crypto', 'codec', 'filesystem', 'sqlite'],
  ['chunker', 'storage', 'manifest', 'object'],
  ['keys', 'log', 'pack', 'snapshot'],
  ['workers'],
  ['repository'],
  ['ops'],
  ['jobs'],
  ['daemon'],
  ['cli'],
  ['.'],
]

/** Third-party packages and the one folder that may import each. */
const OWNERS: Readonly<Record<string, string>> = {
  '@napi-rs/blake-hash': 'crypto',
  '@noble/hashes': 'crypto',
  'libsodium-wrappers-sumo': 'crypto',
  'zstd-napi': 'codec',
  'better-sqlite3': 'sqlite',
  koffi: 'filesystem',
  commander: 'cli',
  fflate: 'ops',
  nodemailer: 'jobs',
  yaml: 'jobs',
  zod: 'jobs',
  pino: 'jobs',
  croner: 'jobs',
  aws4fetch: 'storage',
}

type Import = {
  readonly file: string
  readonly folder: string
  readonly target: string
  readonly specifier: string
}

function sources(): string[] {
  return readdirSync(SRC, { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.ts') && !path.startsWith('chunker/assembly'))
    .map((path) => join(SRC, path))
}

function folderOf(path: string): string {
  const [first = '.', ...rest] = relative(SRC, path).split('/')
  return rest.length === 0 ? '.' : first
}

function imports(): Import[] {
  const pattern = /\b(?:from|import)\s+'([^']+)'|\bimport\('([^']+)'\)/g
  return sources().flatMap((file) =>
    [...readFileSync(file, 'utf8').matchAll(pattern)].map(([, fixed, lazy]) => {
      const specifier = fixed ?? lazy ?? ''
      const target = specifier.startsWith('.') ? folderOf(resolve(dirname(file), specifier)) : specifier
      return { file: relative(SRC, file), folder: folderOf(file), specifier, target }
    }),
  )
}

const lineOf = (folder: string): number => LINES.findIndex((line) => line.includes(folder))
const isOurs = ({ specifier }: Import): boolean => specifier.startsWith('.')
const isPackage = ({ specifier }: Import): boolean =>
  !specifier.startsWith('.') && !specifier.startsWith('node:')

describe('the layers', () => {
  it('know every folder', () => {
    const unknown = [...new Set(sources().map(folderOf))].filter((folder) => lineOf(folder) === -1)
    expect(unknown).toEqual([])
  })

  it('import downwards only', () => {
    const upwards = imports()
      .filter(isOurs)
      .filter(({ folder, target }) => folder !== target && lineOf(target) >= lineOf(folder))
      .filter(
        ({ folder, target }) =>
          !(folder === 'base' && target === 'model') && !(folder === 'model' && target === 'base'),
      )
    expect(upwards.map(({ file, specifier }) => `${file} -> ${specifier}`)).toEqual([])
  })

  it('leave each package to the folder that owns it', () => {
    const strangers = imports()
      .filter(isPackage)
      .filter(({ folder, specifier }) => {
        const owned = Object.keys(OWNERS).find(
          (name) => specifier === name || specifier.startsWith(`${name}/`),
        )
        return owned === undefined || OWNERS[owned] !== folder
      })
    expect(strangers.map(({ file, specifier }) => `${file} -> ${specifier}`)).toEqual([])
  })

  it('have a decision on record for each package', () => {
    const decisions = readdirSync(resolve(SRC, '../docs/decisions'))
      .map((file) => readFileSync(resolve(SRC, '../docs/decisions', file), 'utf8'))
      .join('\n')
    const { dependencies } = JSON.parse(readFileSync(resolve(SRC, '../package.json'), 'utf8'))
    expect(Object.keys(dependencies).filter((name) => !decisions.includes(name))).toEqual([])
    expect(Object.keys(dependencies).sort()).toEqual(Object.keys(OWNERS).sort())
  })
})
