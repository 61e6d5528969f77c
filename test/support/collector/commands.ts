/**
 * What may happen, one thing at a time, as fast-check commands: sources change, processes begin, go on for a while, stand
 * still or die, machines lose their manifests, time passes. Every command can come at any point.
 */
import fc from 'fast-check'
import type { Machine, Process, Work, World } from './world.ts'

/** The state of the world is the log's; what the model knows is how many machines there are. */
export type Model = { machines: number }

export type Command = fc.AsyncCommand<Model, World>

/** Processes that are under way at once, at most. */
const RUNNING_MAX = 5
const MACHINES_MAX = 3

export class Act implements Command {
  readonly #name: string
  readonly #act: (world: World, model: Model) => Promise<void> | void

  constructor(name: string, act: (world: World, model: Model) => Promise<void> | void) {
    this.#name = name
    this.#act = act
  }

  check(): boolean {
    return true
  }

  async run(model: Model, world: World): Promise<void> {
    while (world.machines.length < model.machines) world.addMachine()
    await this.#act(world, model)
  }

  toString(): string {
    return this.#name
  }
}

const machineOf = (world: World, index: number): Machine =>
  world.machines[index % world.machines.length] ?? world.addMachine()

const processOf = (world: World, index: number): Process | undefined =>
  world.processes[index % Math.max(world.processes.length, 1)]

async function steps(world: World, count: number): Promise<void> {
  for (let done = 0; done < count && (await world.scheduler.step()); done++);
}

const natural = (max: number): fc.Arbitrary<number> => fc.nat({ max })

const host = fc.constantFrom('one', 'one', 'two')
const pruneRequest: fc.Arbitrary<(Work & { kind: 'prune' })['request']> = fc.record({
  unusedShareMax: fc.constantFrom(0, 0.05, 0.3),
  repackBytesMax: fc.constantFrom(20_000, Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY),
  undoMs: fc.constantFrom(0, 0, 0, 60_000),
  strayMs: fc.constantFrom(0, 0, 30_000),
})

const work = (evenLast: boolean, more: readonly fc.Arbitrary<Work>[]): fc.Arbitrary<Work> => {
  const changes = ['unforget', 'hold', 'unhold', 'tag', 'read', 'read'] as const
  return fc.oneof(
    { weight: 8, arbitrary: host.map((name) => ({ kind: 'backup' as const, host: name })) },
    { weight: 6, arbitrary: pruneRequest.map((request) => ({ kind: 'prune' as const, request })) },
    { weight: 5, arbitrary: natural(7).map((which) => ({ kind: 'forget' as const, which, evenLast })) },
    {
      weight: 3,
      arbitrary: fc
        .tuple(fc.constantFrom(...changes), natural(7))
        .map(([kind, which]) => ({ kind, which }) as const),
    },
    { weight: 1, arbitrary: fc.constant({ kind: 'checkpoint' as const }) },
    ...more.map((arbitrary) => ({ weight: 2, arbitrary })),
  )
}

/** `evenLast`: the last snapshot of a series may be forgotten too. `more`: other work and other commands. */
export function commands(
  size: { readonly commandsMax: number; readonly evenLast: boolean },
  more: {
    readonly work?: readonly fc.Arbitrary<Work>[]
    readonly acts?: readonly fc.Arbitrary<Command>[]
  } = {},
): fc.Arbitrary<Iterable<Command>> {
  const machine = natural(MACHINES_MAX - 1)
  const edit = fc
    .tuple(natural(4), natural(7))
    .map(([name, content]) => new Act(`edit(${name}, ${content})`, (world) => world.edit(name, content)))
  const begin = (onward: fc.Arbitrary<number>): fc.Arbitrary<Command> =>
    fc.tuple(machine, work(size.evenLast, more.work ?? []), onward).map(
      ([at, chosen, count]) =>
        new Act(`begin(${at}, ${JSON.stringify(chosen)}, ${count})`, async (world) => {
          if (world.processes.filter(({ isRunning }) => isRunning).length >= RUNNING_MAX) return
          world.pass(1_000)
          await world.start(world.idleProcess(machineOf(world, at)), chosen)
          await steps(world, count)
        }),
    )
  const goOn = natural(120).map((count) => new Act(`goOn(${count})`, (world) => steps(world, count)))
  const freeze = natural(5).map(
    (index) =>
      new Act(`freeze(${index})`, (world) => {
        const process = processOf(world, index)
        if (process !== undefined) process.isFrozen = true
      }),
  )
  const thaw = fc.constant(
    new Act('thaw', (world) => {
      for (const process of world.processes) process.isFrozen = false
    }),
  )
  const kill = natural(5).map(
    (index) =>
      new Act(`kill(${index})`, (world) => {
        const process = processOf(world, index)
        if (process !== undefined) world.kill(process)
      }),
  )
  const loseAnswer = natural(5).map(
    (index) =>
      new Act(`loseAnswer(${index})`, (world) => {
        const process = processOf(world, index)
        if (process?.isRunning === true) process.losesAnswer = true
      }),
  )
  const reopen = machine.map(
    (at) =>
      new Act(`reopen(${at})`, (world) => {
        const here = world.processes.filter((one) => one.machine === machineOf(world, at) && !one.isRunning)
        for (const process of here) world.close(process)
      }),
  )
  const forgetManifest = machine.map(
    (at) => new Act(`forgetManifest(${at})`, (world) => void world.forgetManifest(machineOf(world, at))),
  )
  const tick = fc
    .constantFrom(1_000, 31_000, 61_000)
    .map((ms) => new Act(`tick(${ms})`, (world) => world.pass(ms)))
  const few = fc.oneof(kill, loseAnswer, reopen, forgetManifest, tick)
  return fc.commands(
    [
      edit,
      edit,
      begin(natural(150)),
      begin(natural(60)),
      begin(natural(150)),
      begin(fc.constant(1e9)),
      begin(fc.constant(0)),
      goOn,
      freeze,
      thaw,
      few,
      ...(more.acts ?? []),
    ],
    { maxCommands: size.commandsMax, size: 'max' },
  )
}
