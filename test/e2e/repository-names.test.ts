import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { beforeEach, describe, expect, it } from 'vitest'
import { type Run, type RunOptions, Sandbox } from '../support/snap.ts'

/** One user, whose configuration has a repository that jobs save into and one that they copy to. */
class World extends Sandbox {
  readonly config = this.path('home', '.config', 'snap', 'snap.yaml')
  readonly data = this.path('data')

  constructor() {
    super()
    mkdirSync(this.path('home', '.config', 'snap'), { recursive: true })
    mkdirSync(this.data)
    writeFileSync(this.path('data', 'thesis.txt'), 'three chapters')
    this.configure()
  }

  configure(more = ''): void {
    writeFileSync(
      this.config,
      `repositories:
  local: { path: ${this.path('local')}, password: one password }
  offsite: { path: ${this.path('offsite')}, key-file: ${this.path('offsite.key')} }
sources:
  work: { files: ["${this.data}"] }
jobs:
  daily: { sources: [work], repository: local }
${more}`,
      { mode: 0o600 },
    )
  }

  /** No repository and no secret from the environment. */
  async bare(args: readonly string[], { env, ...options }: RunOptions = {}): Promise<Run> {
    return await this.run(args, {
      ...options,
      env: { SNAP_REPOSITORY: undefined, SNAP_KEY_FILE: undefined, ...env },
    })
  }
}

let world: World
beforeEach(() => {
  world = new World()
})

const good = (run: Run): string => {
  expect(run.stderr).not.toMatch(/^(snap|warning):/m)
  expect(run.status).toBe(0)
  return run.stdout
}
const snapshotsIn = async (args: readonly string[]): Promise<number> =>
  JSON.parse(good(await world.bare(['snapshots', '--json', ...args]))).length

describe('a repository of the configuration', () => {
  it('is made, used and restored from by its name', async () => {
    good(await world.bare(['init', '--repo', 'offsite']))
    good(await world.bare(['backup', world.data, '--repo', 'offsite']))
    expect(await snapshotsIn(['--repo', 'offsite'])).toBe(1)
    const none = await world.bare(['snapshots'])
    expect(none.stderr).toContain('If it was never made: `snap init --repo local`')
    expect(none.status).toBe(10)
  })

  it('is the one that jobs save into where none is named, from init to restore', async () => {
    good(await world.bare(['init']))
    good(await world.bare(['backup', '--job', 'daily']))
    expect(await snapshotsIn([])).toBe(1)
    good(await world.bare(['restore', '--target', world.path('back')]))
    good(await world.bare(['verify', '--data']))
  })

  it('is that of the job which is named', async () => {
    world.configure(`  weekly: { sources: [work], repository: offsite }`)
    for (const repo of ['local', 'offsite']) good(await world.bare(['init', '--repo', repo]))
    good(await world.bare(['backup', '--job', 'weekly']))
    expect(await snapshotsIn(['--job', 'weekly'])).toBe(1)
    const several = await world.bare(['snapshots'])
    expect(several.stderr).toContain('has several repositories, and none was named')
    expect(several.stderr).toContain('--repo: local, offsite')
    expect(several.status).toBe(2)
  })

  it('is copied to with its own key, from the one that jobs save into', async () => {
    for (const repo of ['local', 'offsite']) good(await world.bare(['init', '--repo', repo]))
    good(await world.bare(['backup', '--job', 'daily']))
    good(await world.bare(['copy', '--to', 'offsite']))
    expect(await snapshotsIn(['--repo', 'offsite'])).toBe(1)
  })

  it('is opened by the key file on the command line, not by what the environment says of others', async () => {
    good(await world.bare(['init']))
    const env = { SNAP_PASSWORD: 'of another repository' }
    good(await world.bare(['key', 'add', '--new-key-file', world.path('added.key')], { env }))
    good(await world.bare(['snapshots', '--repo', 'local', '--key-file', world.path('added.key')]))
    const other = await world.bare(['snapshots', '--repo', 'local', '--key-file', world.path('none.key')])
    expect(other.stderr).toContain('none.key cannot be read')
  })
})

describe('what could be meant in two ways', () => {
  it('is refused where a repository lies here in a directory of the same name', async () => {
    good(await world.bare(['init', '--repo', 'local']))
    const cwd = world.path('home')
    const env = { SNAP_PASSWORD: 'here' }
    good(await world.bare(['init', '--repo', './local'], { cwd, env }))
    const run = await world.bare(['forget', 'latest', '--repo', 'local'], { cwd })
    expect(run.stderr).toContain('another lies in the directory of that name here')
    expect(run.status).toBe(2)
    good(await world.bare(['snapshots', '--repo', './local'], { cwd, env }))
  })

  it('is the repository in the home directory where that was made without a configuration', async () => {
    rmSync(world.config)
    good(await world.bare(['backup', world.data]))
    world.configure()
    good(await world.bare(['init', '--repo', 'local']))
    expect(await snapshotsIn([])).toBe(1)
    expect(await snapshotsIn(['--config', world.config])).toBe(0)
  })

  it('is a directory where the configuration has no such name, also where something is wrong with it', async () => {
    world.configure('  nonsense: { sources: [none] }')
    const cwd = world.path('home')
    const env = { SNAP_PASSWORD: 'here' }
    good(await world.bare(['init', '--repo', 'mine'], { cwd, env }))
    good(await world.bare(['snapshots', '--repo', 'mine'], { cwd, env }))
    const wrong = await world.bare(['snapshots', '--repo', 'local'], { cwd })
    expect(wrong.stderr).toContain('there is no source "none"')
    expect(wrong.status).toBe(2)
  })

  it('is nobody knows what while the configuration is no YAML', async () => {
    const cwd = world.path('home')
    const env = { SNAP_PASSWORD: 'one password' }
    good(await world.bare(['init', '--repo', './local'], { cwd, env }))
    good(await world.bare(['backup', world.data, '--repo', './local'], { cwd, env }))
    writeFileSync(world.config, 'repositories: { local: { path: /nowhere } }\na: [')
    const run = await world.bare(['forget', 'latest', '--repo', 'local'], { cwd, env })
    expect(run.stderr).toContain('snap.yaml:2')
    expect(run.status).toBe(2)
  })

  it('is refused for a job, which has one', async () => {
    good(await world.bare(['init']))
    const run = await world.bare(['backup', '--job', 'daily', '--repo', 'offsite'])
    expect(run.stderr).toContain('--repo does not go with a job')
    expect(run.status).toBe(2)
    const bystander = { env: { SNAP_REPOSITORY: world.path('nowhere') } }
    good(await world.bare(['backup', '--job', 'daily'], bystander))
    expect(await snapshotsIn(['--repo', 'local'])).toBe(1)
  })

  it('is not the one in the home directory for init, which is there already', async () => {
    rmSync(world.config)
    good(await world.bare(['backup', world.data]))
    world.configure()
    const made = await world.bare(['init'])
    expect(made.stderr).toContain(`made a repository at ${world.path('local')}`)
    const listed = await world.bare(['snapshots'])
    expect(listed.stderr).toContain('this is the repository in the home directory')
  })

  it('is said not to be there, with the names that are', async () => {
    const run = await world.bare(['snapshots', '--repo', 'locla'])
    expect(run.stderr).toContain('there is no repository "locla"')
    expect(run.stderr).toContain('There are local, offsite.')
    expect(run.status).toBe(10)
  })

  it('does not matter for a path, whatever the configuration is', async () => {
    writeFileSync(world.config, 'this: [is, no')
    const env = { SNAP_PASSWORD: 'elsewhere' }
    good(await world.bare(['init', '--repo', world.path('elsewhere')], { env }))
    good(await world.bare(['snapshots', '--repo', world.path('elsewhere')], { env }))
  })
})
