/**
 * Backs up versions of a source tree one after the other, with snap, restic and borg in turn, on one tmpfs, and prints
 * medians, and the medians of the ratios pair by pair: node bench/peers/kernels.mjs --scratch DIR [--runs 5] [--tools snap,restic,borg] [--json FILE] TREE...
 * `--render FILE` prints the table of an earlier `--json FILE` and measures nothing.
 * Peers are looked for in bench/peers/.bin/bin, then on the PATH.
 */
import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'

const { values, positionals: trees } = parseArgs({
  allowPositionals: true,
  options: {
    scratch: { type: 'string' },
    runs: { type: 'string', default: '5' },
    tools: { type: 'string', default: 'snap,restic,borg' },
    json: { type: 'string' },
    render: { type: 'string' },
  },
})
if (values.render === undefined && (values.scratch === undefined || trees.length === 0))
  throw new Error('--scratch DIR and at least one TREE are needed')

const here = import.meta.dirname
const scratch = resolve(values.scratch ?? '.')
const peer = (name) => {
  const own = join(here, '.bin/bin', name)
  return existsSync(own) ? own : name
}
const snap = [process.execPath, resolve(here, '../../bin/main.js'), '-q', '--no-progress']
const environment = {
  ...process.env,
  RESTIC_PASSWORD: 'benchmark',
  BORG_PASSPHRASE: 'benchmark',
  BORG_RELOCATED_REPO_ACCESS_IS_OK: 'yes',
  BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK: 'yes',
}

/** Each tool's commands for a repository, a cache, a tree and a target, all of them paths. */
const snapOn = ({ repo, cache }) => [
  ...snap,
  '--repo',
  repo,
  '--cache-dir',
  cache,
  '--key-file',
  `${repo}.key`,
]
const TOOLS = {
  snap: {
    setUp: (place) => [[...snapOn(place), 'init']],
    backup: ({ tree, ...place }) => [...snapOn(place), 'backup', tree],
    restore: ({ target, ...place }) => [...snapOn(place), 'restore', 'latest', '--target', target],
    verify: (place) => [...snapOn(place), 'verify', '--data'],
  },
  restic: {
    setUp: ({ repo, cache }) => [[peer('restic'), '-q', '-r', repo, '--cache-dir', cache, 'init']],
    backup: ({ repo, cache, tree }) => [
      peer('restic'),
      '-q',
      '-r',
      repo,
      '--cache-dir',
      cache,
      'backup',
      tree,
    ],
    restore: ({ repo, cache, target }) => [
      peer('restic'),
      '-q',
      '-r',
      repo,
      '--cache-dir',
      cache,
      'restore',
      'latest',
      '--target',
      target,
    ],
    verify: ({ repo, cache }) => [
      peer('restic'),
      '-q',
      '-r',
      repo,
      '--cache-dir',
      cache,
      'check',
      '--read-data',
    ],
  },
  borg: {
    setUp: ({ repo }) => [[peer('borg'), 'init', '-e', 'repokey-blake2', repo]],
    backup: ({ repo, tree, name }) => [peer('borg'), 'create', `${repo}::${name}`, tree],
    restore: ({ repo, target, name }) => [
      'sh',
      '-c',
      `mkdir -p "$1" && cd "$1" && exec "$2" extract "$3"`,
      'sh',
      target,
      peer('borg'),
      `${repo}::${name}`,
    ],
    verify: ({ repo }) => [peer('borg'), 'check', '--verify-data', repo],
  },
}

function bytesBelow(path) {
  if (!existsSync(path)) return 0
  return readdirSync(path, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .reduce((sum, entry) => sum + statSync(join(entry.parentPath ?? entry.path, entry.name)).size, 0)
}

/** Wall seconds and peak resident MB of the largest process. */
function timed(command, env) {
  const started = performance.now()
  const run = spawnSync('/usr/bin/time', ['-f', 'peak %M', ...command], {
    env,
    encoding: 'utf8',
    maxBuffer: 1 << 26,
  })
  const seconds = (performance.now() - started) / 1000
  if (run.status !== 0)
    throw new Error(`${command.join(' ')} ended with ${run.status}: ${run.stderr.slice(-2000)}`)
  return { seconds, peak: Number(/peak (\d+)/.exec(run.stderr)?.[1] ?? 0) / 1024 }
}

/** The trees appear one after the other under one name, as versions of one source. */
function expose(tree) {
  const source = join(scratch, 'source')
  mkdirSync(source, { recursive: true })
  execFileSync('mount', ['--bind', tree, source])
  return source
}
const hide = () => execFileSync('umount', [join(scratch, 'source')])

function trial(name, tool) {
  const place = join(scratch, name)
  rmSync(place, { recursive: true, force: true })
  mkdirSync(place, { recursive: true })
  const paths = { repo: join(place, 'repo'), cache: join(place, 'cache'), target: join(place, 'target') }
  const env = { ...environment, BORG_BASE_DIR: paths.cache }
  for (const command of tool.setUp(paths)) timed(command, env)
  const result = {}
  trees.forEach((tree, index) => {
    const source = expose(tree)
    try {
      result[index === 0 ? 'first backup' : `version ${index + 1}`] = timed(
        tool.backup({ ...paths, tree: source, name: `v${index}` }),
        env,
      )
      if (index === 0) {
        result['stored after the first, MB'] = { seconds: bytesBelow(paths.repo) / 1e6, peak: 0 }
        result.unchanged = timed(tool.backup({ ...paths, tree: source, name: 'again' }), env)
      }
    } finally {
      hide()
    }
  })
  result['stored after all, MB'] = { seconds: bytesBelow(paths.repo) / 1e6, peak: 0 }
  result['restore the last'] = timed(tool.restore({ ...paths, name: `v${trees.length - 1}` }), env)
  rmSync(paths.target, { recursive: true, force: true })
  result['verify all data'] = timed(tool.verify(paths), env)
  rmSync(place, { recursive: true, force: true })
  return result
}

const median = (numbers) => [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)]
const results =
  values.render === undefined ? measure() : JSON.parse(readFileSync(values.render, 'utf8')).results
const names = Object.keys(results)

function measure() {
  const tools = values.tools.split(',')
  const measured = Object.fromEntries(tools.map((name) => [name, []]))
  for (let run = 0; run < Number(values.runs); run++) {
    for (const name of tools) {
      measured[name].push(trial(name, TOOLS[name]))
      process.stderr.write(`run ${run + 1}: ${name} done\n`)
    }
  }
  return measured
}

/** How many times as much the other tools took as the first, run by run. */
function ratios(step) {
  const [own, ...others] = names
  return others.map((name) =>
    median(
      results[own].map((result, run) => results[name][run][step].seconds / result[step].seconds),
    ).toFixed(2),
  )
}
const steps = Object.keys(results[names[0]][0])
const rows = steps.map((step) => {
  const cells = names.map((name) => {
    const figures = results[name].map((result) => result[step])
    const seconds = figures.map((figure) => figure.seconds)
    return {
      name,
      median: median(seconds),
      min: Math.min(...seconds),
      max: Math.max(...seconds),
      peak: median(figures.map((figure) => figure.peak)),
    }
  })
  return { step, cells }
})
const heads = [...names, ...names.slice(1).map((name) => `${name} / ${names[0]}`)]
console.log(`| step | ${heads.join(' | ')} |\n| --- |${heads.map(() => ' ---').join(' |')} |`)
for (const { step, cells } of rows) {
  const shown = cells.map(({ median: middle, min, max, peak }) =>
    step.includes('MB')
      ? middle.toFixed(1)
      : `${middle.toFixed(2)} (${min.toFixed(2)} to ${max.toFixed(2)}), ${peak.toFixed(0)} MB`,
  )
  console.log(`| ${step} | ${[...shown, ...ratios(step)].join(' | ')} |`)
}
if (values.json !== undefined && values.render === undefined) {
  const machine = {
    cpu: cpus()[0]?.model,
    cores: cpus().length,
    node: process.version,
    date: new Date().toISOString(),
  }
  writeFileSync(
    values.json,
    `${JSON.stringify({ machine, trees, runs: Number(values.runs), results }, null, 1)}\n`,
  )
}
