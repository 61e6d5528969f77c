import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { beforeAll, describe, expect, it } from 'vitest'
import { CREDENTIALS, Radosgw, S3_ENVIRONMENT } from '../support/s3/radosgw.ts'
import { type RunOptions, Sandbox } from '../support/snap.ts'
import { bytesBelow, rsyncDifferences, seededBytes, seededText, writeTree } from '../support/tree.ts'

const store = await Radosgw.start()
const box = new Sandbox()
const source = box.path('source')
let bucket: string

beforeAll(async () => {
  bucket = await store.makeBucket('snap')
  writeTree(source, {
    'a.txt': seededText(300_000, 1),
    'b.bin': seededBytes(2_000_000, 2),
    'deep/er/c.txt': 'c',
    empty: '',
  })
})

/** A machine with a cache of its own, and the repository below `prefix`. */
function machine(prefix: string, name = 'one', env: RunOptions['env'] = {}): RunOptions {
  const own = { SNAP_REPOSITORY: `${bucket}/${prefix}`, SNAP_CACHE_DIR: box.path('home', `cache-${name}`) }
  return { env: { ...S3_ENVIRONMENT, ...own, ...env } }
}

async function init(options: RunOptions): Promise<void> {
  rmSync(box.keyFile, { force: true })
  const env = { ...options.env, SNAP_KEY_FILE: undefined }
  await box.ok(['init', '--key-file', box.keyFile], { ...options, env })
}

describe('a repository in an S3 store', () => {
  it('takes every command', async () => {
    const on = machine('every/command')
    await init(on)
    const ok = (...args: string[]) => box.ok(args, on)
    const again = await box.run(
      ['init'],
      machine('every/command', 'one', { SNAP_PASSWORD: 'x', SNAP_KEY_FILE: '' }),
    )
    expect(again.stderr).toContain(`there is a repository already at ${bucket}/every/command`)
    await ok('backup', source, '--tag', 'first')
    writeTree(source, { 'a.txt': seededText(310_000, 1), 'd.txt': 'd' })
    await ok('backup', source)
    await ok('backup', source, '--dry-run')
    expect(await box.snapshots([], on)).toHaveLength(2)
    await ok('restore', 'latest', '--target', box.path('restored'))
    expect(rsyncDifferences(source, box.path('restored', source))).toEqual([])
    expect((await ok('ls', 'latest', source)).stdout).toContain('d.txt')
    expect((await ok('find', 'd.txt')).stdout).toContain('d.txt')
    expect((await ok('dump', 'latest', `${source}/deep/er/c.txt`)).stdout).toBe('c')
    for (const line of ['stats', 'du', 'audit', 'manifest rebuild', 'repair', 'verify --data'])
      await ok(...line.split(' '))
    writeFileSync(box.path('password'), 'second\n')
    await ok('key', 'add', '--new-password-file', box.path('password'))
    const second = machine('every/command', 'two', { SNAP_KEY_FILE: '', SNAP_PASSWORD: 'second' })
    expect(await box.snapshots([], second)).toHaveLength(2)
    await ok('tag', 'latest', '--add', 'kept')
    await ok('hold', 'latest')
    await ok('unhold', 'latest')
    await ok('purge', `${source}/b.bin`, '--yes')
    await ok('forget', '--keep-last', '1')
    await ok('prune', '--max-unused', '0')
    expect(await box.snapshots([], on)).toHaveLength(1)
    expect((await box.summary(['verify', '--data'], on)).damaged_objects).toBe(0)
    // The other machine has seen none of this.
    expect((await box.summary(['verify', '--data'], second)).damaged_objects).toBe(0)
    const { stdout } = await ok('status', '--json')
    expect(JSON.parse(stdout).repositories[0]).toMatchObject({ path: `${bucket}/every/command` })
    expect(JSON.parse(stdout).repositories[0]).not.toHaveProperty('disk')
  }, 120_000)

  it('is used by two machines at once', async () => {
    const [one, two] = [machine('shared', 'one'), machine('shared', 'two')]
    await init(one)
    const backups = async (options: RunOptions, name: string) => {
      for (let round = 0; round < 4; round += 1) {
        const own = box.path('own', name)
        writeTree(own, { [`${round}.bin`]: seededBytes(400_000, round + name.length), name })
        await box.ok(['backup', own, '--host', name, '--tag', `${round}`], options)
        if (round === 2) await box.ok(['prune', '--max-unused', '0'], options)
      }
    }
    await Promise.all([backups(one, 'uno'), backups(two, 'second')])
    const saved = await box.snapshots([], one)
    expect(saved.map(({ hostname, tags }) => `${hostname} ${tags}`).sort()).toEqual(
      ['second', 'uno'].flatMap((name) => [0, 1, 2, 3].map((round) => `${name} ${round}`)),
    )
    expect((await box.summary(['verify', '--data'], two)).damaged_objects).toBe(0)
    for (const name of ['uno', 'second']) {
      const target = box.path('back', name)
      await box.ok(['restore', 'latest', '--host', name, '--target', target], one)
      expect(rsyncDifferences(box.path('own', name), `${target}${box.path('own', name)}`)).toEqual([])
    }
  }, 120_000)

  it('is reached through TLS, by a certificate that is trusted', async () => {
    const secure = (env: RunOptions['env']) =>
      machine('tls', 'one', { SNAP_REPOSITORY: `${store.securePlace}/snap/tls`, ...env })
    const refused = await box.expect(1, ['snapshots'], secure({}))
    expect(refused.stderr).toContain('NODE_EXTRA_CA_CERTS')
    const trusted = secure({ NODE_EXTRA_CA_CERTS: store.certificate.path })
    await init(trusted)
    await box.ok(['backup', source], trusted)
    expect((await box.summary(['verify', '--data'], trusted)).damaged_objects).toBe(0)
  })

  it('says what is wrong, without secrets', async () => {
    const on = machine('said')
    await init(on)
    const secretKey = 'neither/right+nor/wrong'
    const { port } = store
    for (const [env, ...words] of [
      [{ AWS_SECRET_ACCESS_KEY: secretKey }, 'SignatureDoesNotMatch', 'secret-key in snap.yaml'],
      [{ AWS_ACCESS_KEY_ID: 'NOBODY' }, 'InvalidAccessKeyId', 'access-key in snap.yaml'],
      [{ AWS_ACCESS_KEY_ID: '' }, 'there is no access key', 'AWS_ACCESS_KEY_ID'],
      [{ SNAP_REPOSITORY: `${store.place}/nothing/said` }, 'NoSuchBucket', 'Make the bucket nothing first'],
      [{ SNAP_REPOSITORY: `${bucket}/nothing` }, `there is no repository at ${bucket}/nothing`],
      [{ SNAP_REPOSITORY: 's3:http://127.0.0.1:1/bucket' }, 'connection refused', 'does the store run?'],
      [{ SNAP_REPOSITORY: `s3:https://127.0.0.1:${port}/snap` }, 'begins with http:'],
      [{ SNAP_REPOSITORY: 's3:http://no.such.host.invalid/bucket' }, 'Check the host name'],
      [{ SNAP_REPOSITORY: 's3:bucket/prefix' }, 'in a region that was not named', 'AWS_REGION'],
      [{ SNAP_REPOSITORY: `s3:http://u:${secretKey}@127.0.0.1:${port}/b` }, 'has a user or a key in it'],
    ] as const) {
      const startedAt = Date.now()
      const { stderr, status } = await box.run(['snapshots'], machine('said', 'one', env))
      expect(status, stderr).toBeGreaterThan(0)
      for (const word of words) expect(stderr).toContain(word)
      expect(stderr).not.toContain(secretKey)
      expect(Date.now() - startedAt, stderr).toBeLessThan(10_000)
    }
  }, 60_000)

  it('is refused where two writers could have one name, and nothing is left there', async () => {
    const place = await store.makeBucket('versions')
    const on =
      '<VersioningConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Status>Enabled</Status></VersioningConfiguration>'
    await store.ask(place, 'versioning', on)
    const options = machine('', 'one', { SNAP_REPOSITORY: place, SNAP_KEY_FILE: undefined })
    const { stderr } = await box.expect(1, ['init', '--key-file', box.path('never.key')], options)
    expect(stderr).toContain('does not give a name to one writer only')
    expect(stderr).toContain('without versions')
    expect(readdirSync(box.root)).not.toContain('never.key')
    const looked = await box.run(['snapshots'], options)
    expect(looked.stderr).toContain('there is no repository')
  })
})

describe('a repository in an S3 store that snap.yaml names', () => {
  const config = box.path('snap.yaml')
  const secret = box.path('s3.secret')
  const env = {
    AWS_ACCESS_KEY_ID: 'NOBODY',
    AWS_SECRET_ACCESS_KEY: 'of the environment',
    SNAP_REPOSITORY: undefined,
  }

  beforeAll(async () => {
    await init(machine('job'))
    writeFileSync(secret, `${CREDENTIALS.secretKey}\n`, { mode: 0o600 })
    writeFileSync(
      config,
      `repositories:
  offsite:
    path: ${bucket}/job
    access-key: ${CREDENTIALS.accessKey}
    secret-key: file:${secret}
    key-file: ${box.keyFile}
sources:
  all: { files: [${source}] }
jobs:
  nightly: { sources: [all], hooks: { before: ['env'] }, after: { verify: data, prune: true } }
`,
    )
  })

  it('is opened with the keys that stand there, and they are in nothing that is written', async () => {
    const run = await box.ok(['backup', '--job', 'nightly', '--config', config, '-v', '-v'], { env })
    const status = await box.ok(['status', '--config', config], { env })
    expect(status.stdout).toMatch(/nightly +healthy/)
    expect(status.stdout).toMatch(/offsite +1/)
    const logs = await box.ok(['logs', '--config', config], { env })
    for (const { stdout, stderr } of [run, status, logs])
      expect(`${stdout}${stderr}`).not.toContain(CREDENTIALS.secretKey)
    const state = box.path('home', '.local', 'state', 'snap')
    expect(bytesBelow(state)).toBeGreaterThan(0)
    for (const file of readdirSync(state, { recursive: true, withFileTypes: true })) {
      if (!file.isFile()) continue
      expect(readFileSync(`${file.parentPath}/${file.name}`, 'latin1')).not.toContain(CREDENTIALS.secretKey)
    }
  }, 60_000)

  it('is copied into by that name, or by its address with the keys of the environment', async () => {
    const local = new Sandbox()
    await local.init()
    await local.ok(['backup', source])
    const others = { AWS_ACCESS_KEY_ID: 'NOBODY', AWS_SECRET_ACCESS_KEY: 'of the environment' }
    const copy = (to: string, variables: Readonly<Record<string, string>>) =>
      local.run(['copy', '--to', to, '--to-key-file', box.keyFile, '--config', config], { env: variables })
    // What the command line says of the secret leaves the store's keys as they stand there.
    const named = await copy('offsite', others)
    expect(named.status, named.stderr).toBe(0)
    expect(named.stdout).toContain('1 snapshot')
    const again = await copy(`${bucket}/job`, S3_ENVIRONMENT)
    expect(again.status, again.stderr).toBe(0)
    expect((await copy(`${bucket}/job`, others)).stderr).toContain('InvalidAccessKeyId')
    const back = local.path('back')
    await local.ok(['init', '--key-file', local.path('back.key')], {
      env: { SNAP_REPOSITORY: back, SNAP_KEY_FILE: undefined },
    })
    const fromStore = machine('job')
    await box.ok(['copy', '--to', back, '--to-key-file', local.path('back.key')], fromStore)
    const there = { env: { SNAP_REPOSITORY: back, SNAP_KEY_FILE: local.path('back.key') } }
    expect(await local.snapshots([], there)).toHaveLength(2)
    expect((await local.summary(['verify', '--data'], there)).damaged_objects).toBe(0)
  }, 60_000)

  it('is told of where the file of the secret key is not there', async () => {
    rmSync(secret)
    const run = await box.expect(2, ['backup', '--job', 'nightly', '--config', config], { env })
    expect(run.stderr).toContain(`the secret key for the S3 store: ${secret} cannot be read`)
  })
})
