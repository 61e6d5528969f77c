/**
 * The store on real data, end to end: node test/long/real-data.mjs --scratch DIR [--kills 50] [--system /usr] [--parts versions,prune,kills,system] TREE...
 * Trees are backed up one after the other as versions of one source, each is restored and compared by rsync; those in the middle
 * are forgotten and pruned, and the rest held against a repository that never had them; a backup is killed at random moments; the manifest is deleted and rebuilt; one byte of each kind of object is flipped. Needs rsync and root.
 */
import assert from 'node:assert/strict'
import { execFileSync, spawn, spawnSync } from 'node:child_process'
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'

const { values, positionals: trees } = parseArgs({
  allowPositionals: true,
  options: {
    scratch: { type: 'string' },
    kills: { type: 'string', default: '50' },
    system: { type: 'string' },
    parts: { type: 'string', default: 'versions,prune,kills,system' },
  },
})
if (values.scratch === undefined || trees.length === 0)
  throw new Error('--scratch DIR and at least one TREE are needed')
const scratch = resolve(values.scratch)
const main = resolve(import.meta.dirname, '../../bin/main.js')
const source = join(scratch, 'source')
const paths = { repo: join(scratch, 'repo'), cache: join(scratch, 'cache'), key: join(scratch, 'key') }
const common = ['--repo', paths.repo, '--cache-dir', paths.cache, '--key-file', paths.key, '--no-progress']

const KILLS_PER_ROUND = 10
/** The first kills fall anywhere in this time; later ones in what a backup took. */
const KILL_WITHIN_MS = 9_000

const say = (text) => console.log(text)
const snapAny = (...args) =>
  spawnSync(process.execPath, [main, ...common, ...args], { encoding: 'utf8', maxBuffer: 1 << 28 })
function snap(...args) {
  const run = snapAny(...args)
  assert.equal(run.status, 0, `snap ${args.join(' ')} ended with ${run.status}: ${run.stderr}`)
  return run.stdout
}
const json = (...args) =>
  snap('--json', ...args)
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
const summaryOf = (...args) => json(...args).find((line) => line.message_type === 'summary')

function bytesOf(directory) {
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .reduce((sum, entry) => sum + statSync(join(entry.parentPath ?? entry.path, entry.name)).size, 0)
}

function expose(tree) {
  mkdirSync(source, { recursive: true })
  execFileSync('mount', ['--bind', resolve(tree), source])
}
const hide = () => execFileSync('umount', [source])

/** No line of output: every byte, mode, owner, time, link and attribute is the same. */
function compare(expected, restored) {
  const lines = execFileSync('rsync', ['-aHAXnic', '--delete', `${expected}/`, `${restored}/`], {
    encoding: 'utf8',
    maxBuffer: 1 << 28,
  })
  assert.equal(
    lines,
    '',
    `rsync finds differences between ${expected} and ${restored}:\n${lines.slice(0, 2000)}`,
  )
}

function restoreAndCompare(snapshot, expected, original) {
  const target = join(scratch, 'target')
  rmSync(target, { recursive: true, force: true })
  snap('-q', 'restore', snapshot, '--target', target)
  compare(expected, join(target, original))
  rmSync(target, { recursive: true, force: true })
}

function versions() {
  return trees.map((tree) => {
    expose(tree)
    try {
      const { snapshot_id: id, data_added_packed: stored } = summaryOf('backup', source)
      say(`backed up ${tree}: ${id.slice(0, 8)}, ${(stored / 1e6).toFixed(1)} MB stored`)
      return { tree, id }
    } finally {
      hide()
    }
  })
}

function compareAll(snapshots) {
  for (const { tree, id } of snapshots) {
    restoreAndCompare(id, tree, source)
    say(`restored ${id.slice(0, 8)}: rsync finds no difference from ${tree}`)
  }
}

function system(path) {
  const { snapshot_id: id, total_files_processed: files } = summaryOf('backup', path)
  restoreAndCompare(id, path, path)
  say(`${path}: ${files} files backed up and restored, rsync finds no difference`)
}

/**
 * Rounds of kills, each on a repository that holds one small snapshot and nothing of the tree yet, so that there is much to store at
 * every kill. Only a backup that SIGKILL ended counts.
 */
async function kills(count, keep) {
  let killed = 0
  let rounds = 0
  let rereads = 0
  const sizes = []
  while (killed < count) {
    const round = await killRound(Math.min(KILLS_PER_ROUND, count - killed))
    killed += round.killed
    rounds += 1
    rereads += round.rereads
    sizes.push(round.bytes)
    assert.ok(round.bytes < keep * 1.05, 'what had been stored was not stored again')
  }
  const shown = sizes.map((bytes) => (bytes / 1e6).toFixed(1)).join(', ')
  say(
    `${killed} backups killed by SIGKILL in ${rounds} rounds (${rereads} of them when all was stored, in a --full reread): after each round the earlier snapshot restored, the next backup was whole and verify --data clean;`,
  )
  say(`repositories after the rounds: ${shown} MB, against ${(keep / 1e6).toFixed(1)} MB undisturbed`)
}

function firstDirectoryOf(tree) {
  const directory = readdirSync(tree, { withFileTypes: true }).find((entry) => entry.isDirectory())
  assert.ok(directory, `${tree} has directories`)
  return join(tree, directory.name)
}

async function killRound(count) {
  const tree = trees[0]
  const place = {
    repo: join(scratch, 'killed'),
    cache: join(scratch, 'killed-cache'),
    key: join(scratch, 'killed-key'),
  }
  const args = [
    '--repo',
    place.repo,
    '--cache-dir',
    place.cache,
    '--key-file',
    place.key,
    '--no-progress',
    '-q',
  ]
  const fresh = (...more) => {
    const run = spawnSync(process.execPath, [main, ...args, ...more], {
      encoding: 'utf8',
      maxBuffer: 1 << 28,
    })
    assert.equal(run.status, 0, run.stderr)
    return run.stdout
  }
  fresh('init')
  const small = join(scratch, 'small')
  cpSync(firstDirectoryOf(tree), small, {
    recursive: true,
    preserveTimestamps: true,
    verbatimSymlinks: true,
  })
  fresh('backup', small)
  const [{ id: earlier }] = JSON.parse(fresh('--json', 'snapshots'))
  let killed = 0
  let longest = KILL_WITHIN_MS
  let again = []
  let rereads = 0
  while (killed < count) {
    const child = spawn(process.execPath, [main, ...args, 'backup', tree, ...again], { stdio: 'ignore' })
    const ended = new Promise((settle) => child.once('exit', (_status, signal) => settle(signal)))
    const startedAt = performance.now()
    await Promise.race([sleep(100 + Math.random() * longest), ended])
    child.kill('SIGKILL')
    if ((await ended) === 'SIGKILL') {
      killed += 1
      rereads += again.length
    } else {
      // It was quicker: what had been stored is not stored again. The tree is saved; the rest are kills of a backup that rereads it.
      longest = Math.max(500, performance.now() - startedAt - 100)
      again = ['--full']
    }
  }
  const target = join(scratch, 'target')
  rmSync(target, { recursive: true, force: true })
  fresh('restore', earlier, '--target', target)
  compare(small, join(target, small))
  fresh('backup', tree)
  fresh('verify', '--data')
  const latest = JSON.parse(fresh('--json', 'snapshots')).at(-1)
  rmSync(target, { recursive: true, force: true })
  fresh('restore', latest.id, '--target', target)
  compare(tree, join(target, tree))
  rmSync(target, { recursive: true, force: true })
  const bytes = bytesOf(place.repo)
  for (const path of [...Object.values(place), small]) rmSync(path, { recursive: true, force: true })
  return { killed, rereads, bytes }
}

/** What is left when the trees in the middle are forgotten, against a repository that never had them. */
async function pruneMiddle() {
  const kept = [trees[0], trees.at(-1)]
  const never = await filledRepository('never', kept)
  const pruned = await filledRepository('pruned', trees)
  const snapshots = JSON.parse(await pruned.snap('--json', 'snapshots'))
  await pruned.snap('forget', ...snapshots.slice(1, -1).map(({ id }) => id))
  const before = bytesOf(pruned.repo)
  const startedAt = performance.now()
  await pruned.snap('prune', '--undelete-window', '0')
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(1)
  const [after, expected] = [bytesOf(pruned.repo), bytesOf(never.repo)]
  const megabytes = (bytes) => (bytes / 1e6).toFixed(1)
  say(
    `pruned in ${seconds} s with ${pruned.peak()} MB of memory: ${megabytes(before)} MB became ${megabytes(after)} MB, ${megabytes(expected)} MB where the middle never was (${((after / expected - 1) * 100).toFixed(2)} % more)`,
  )
  assert.ok(after < expected * 1.02, 'within 2 % of a repository that never had them')
  assert.ok(pruned.peak() < 300, 'a prune in less than 300 MB')
  await pruned.snap('verify', '--data')
  const target = join(scratch, 'target')
  for (const [tree, { id }] of [
    [kept[0], snapshots[0]],
    [kept[1], snapshots.at(-1)],
  ]) {
    rmSync(target, { recursive: true, force: true })
    await pruned.snap('restore', id, '--target', target)
    compare(tree, join(target, source))
  }
  say('the others restored: rsync finds no difference')
  for (const { place } of [never, pruned]) rmSync(place, { recursive: true, force: true })
  rmSync(target, { recursive: true, force: true })
}

/** A repository of its own with a snapshot of each tree. `peak`: memory of the last command, in MB. */
async function filledRepository(name, versions) {
  const place = join(scratch, name)
  const repo = join(place, 'repo')
  let peak = 0
  const run = async (...args) => {
    const own = ['--repo', repo, '--cache-dir', join(place, 'cache'), '--key-file', join(place, 'key')]
    const child = spawn(process.execPath, [main, ...own, '--no-progress', ...args], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    let output = ''
    child.stdout.on('data', (text) => {
      output += text
    })
    peak = 0
    const watch = setInterval(() => {
      const status = existsSync(`/proc/${child.pid}/status`)
        ? readFileSync(`/proc/${child.pid}/status`, 'utf8')
        : ''
      peak = Math.max(peak, Math.round(Number(/VmHWM:\s+(\d+)/.exec(status)?.[1] ?? 0) / 1000))
    }, 10)
    const status = await new Promise((settle) => child.once('close', settle))
    clearInterval(watch)
    assert.equal(status, 0, `snap ${args.join(' ')} ended with ${status}`)
    return output
  }
  await run('init')
  for (const tree of versions) {
    expose(tree)
    try {
      await run('-q', 'backup', source)
    } finally {
      hide()
    }
  }
  return { place, repo, snap: run, peak: () => peak }
}

function manifest(snapshots) {
  rmSync(paths.cache, { recursive: true, force: true })
  assert.equal(JSON.parse(snap('--json', 'snapshots')).length >= snapshots.length, true)
  rmSync(paths.cache, { recursive: true, force: true })
  const { total_duration: seconds, trees: directories, entries } = json('manifest', 'rebuild')[0]
  say(
    `manifest deleted and rebuilt in ${seconds.toFixed(2)} s: ${directories} directories, ${entries} entries`,
  )
  restoreAndCompare(snapshots.at(-1).id, snapshots.at(-1).tree, source)
  expose(trees.at(-1))
  try {
    const summary = summaryOf('backup', source)
    assert.equal(summary.files_new, 0)
    say(`the next backup: ${summary.files_unmodified} files unmodified, ${summary.bytes_read} bytes read`)
  } finally {
    hide()
  }
  snap('-q', 'verify', '--data')
}

function objectsOf(kind) {
  const directory = join(paths.repo, kind)
  if (!existsSync(directory)) return []
  if (statSync(directory).isFile()) return [directory]
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name))
}

const isTreePack = (path) => readFileSync(path).subarray(10, 11)[0] === 2

function flips() {
  const packs = objectsOf('packs')
  const kinds = {
    config: objectsOf('config')[0],
    slot: objectsOf('slots')[0],
    log: objectsOf('log').sort().at(-2),
    index: objectsOf('index')[0],
    'data pack': packs.find((path) => !isTreePack(path)),
    'tree pack': packs.find(isTreePack),
  }
  for (const [kind, path] of Object.entries(kinds)) {
    const good = readFileSync(path)
    const bad = Buffer.from(good)
    bad[Math.floor(bad.length / 2)] ^= 1
    writeFileSync(path, bad)
    const run = snapAny('verify', '--data')
    const name = path.slice(paths.repo.length + 1)
    const named = `${run.stdout}${run.stderr}`.includes(kind === 'slot' ? 'key' : name)
    say(
      `one bit of the ${kind} flipped: verify --data exits with ${run.status}${named ? ' and names it' : ''}`,
    )
    assert.ok(kind === 'slot' ? run.status === 12 || run.status === 4 : run.status === 4, run.stderr)
    assert.ok(named, `${name} is not named:\n${run.stdout}\n${run.stderr}`)
    if (kind === 'data pack') partialRestore()
    writeFileSync(path, good)
  }
  snap('-q', 'verify', '--data')
}

/** With one damaged data pack: the affected files are named, all others come back. */
function partialRestore() {
  const target = join(scratch, 'target')
  rmSync(target, { recursive: true, force: true })
  const run = snapAny('-q', 'restore', 'latest', '--target', target)
  assert.equal(run.status, 3, run.stderr)
  const failed = run.stderr.split('\n').filter((line) => line.startsWith('failed: ')).length
  const missing = execFileSync(
    'rsync',
    ['-aHAXnic', '--delete', `${trees.at(-1)}/`, `${join(target, source)}/`],
    { encoding: 'utf8', maxBuffer: 1 << 28 },
  )
  const differing = missing.split('\n').filter((line) => /^>f/.test(line)).length
  say(`restore with it: exit 3, ${failed} files named, ${differing} missing in the target`)
  assert.equal(differing, failed)
  rmSync(target, { recursive: true, force: true })
}

rmSync(scratch, { recursive: true, force: true })
mkdirSync(scratch, { recursive: true })
snap('-q', 'init')
const first = trees[0]
expose(first)
summaryOf('backup', source)
hide()
const one = bytesOf(paths.repo)
const parts = values.parts.split(',')
if (parts.includes('versions')) {
  const snapshots = versions()
  say(
    `repository: ${(one / 1e6).toFixed(1)} MB after the first, ${(bytesOf(paths.repo) / 1e6).toFixed(1)} MB after all`,
  )
  compareAll(snapshots)
  manifest(snapshots)
  flips()
}
if (parts.includes('prune')) await pruneMiddle()
if (parts.includes('kills')) await kills(Number(values.kills), one)
if (parts.includes('system') && values.system !== undefined) system(resolve(values.system))
rmSync(scratch, { recursive: true, force: true })
say('all of it held')
