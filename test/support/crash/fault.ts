/** Runs commands on a disk that fails one call, or from one call on takes nothing more. */
import type { StorageFs } from '../../../src/storage/storage-fs.ts'
import { systemError } from '../storage/disk-model.ts'
import { type FsCall, interceptingFs } from '../storage/intercepting-fs.ts'
import type { Command } from './commands.ts'
import type { World } from './world.ts'

export type Fault = {
  readonly errno: string
  /** `short`: a write takes half of the bytes. `full`: nothing that needs space works from here on. */
  readonly how: 'before' | 'after' | 'short' | 'full'
}

const DISK: readonly Fault[] = [
  { errno: 'ENOSPC', how: 'before' },
  { errno: 'EDQUOT', how: 'before' },
  { errno: 'EIO', how: 'before' },
]
const TOOK_EFFECT: Fault = { errno: 'EIO', how: 'after' }
const FULL: Fault = { errno: 'ENOSPC', how: 'full' }
const NO_DESCRIPTOR: Fault = { errno: 'EMFILE', how: 'before' }
const READING: readonly Fault[] = [{ errno: 'EIO', how: 'before' }]

/** What may go wrong with each call. */
const FAULTS: Readonly<Record<FsCall, readonly Fault[]>> = {
  createFile: [...DISK, NO_DESCRIPTOR, TOOK_EFFECT, FULL],
  writev: [...DISK, { errno: '', how: 'short' }, FULL],
  fsync: [{ errno: 'EIO', how: 'before' }, { errno: 'ENOSPC', how: 'before' }, TOOK_EFFECT],
  fsyncDirectory: [{ errno: 'EIO', how: 'before' }, NO_DESCRIPTOR, TOOK_EFFECT],
  rename: [...DISK, TOOK_EFFECT],
  link: [...DISK, TOOK_EFFECT],
  unlink: [{ errno: 'EIO', how: 'before' }, TOOK_EFFECT],
  mkdir: [...DISK, TOOK_EFFECT, FULL],
  openForReading: [...READING, NO_DESCRIPTOR],
  readdir: [...READING, NO_DESCRIPTOR],
  read: READING,
  stat: READING,
  fstat: READING,
  close: READING,
}
const TAKES_SPACE: ReadonlySet<FsCall> = new Set(['createFile', 'writev', 'mkdir', 'link', 'rename'])

export type FaultPoint = { readonly call: FsCall; readonly number: number; readonly fault: Fault }

/** Every fault at every call of the command, in the order of the calls. */
export async function faultPoints(world: World, command: Command): Promise<FaultPoint[]> {
  const calls: FsCall[] = []
  const own = world.fork()
  const fs = interceptingFs(own.machine.process(), async (call, run) => {
    calls.push(call)
    return await run()
  })
  await command.run(own.process({ fs, seed: 4_711 }))
  own[Symbol.dispose]()
  return calls.flatMap((call, index) => FAULTS[call].map((fault) => ({ call, number: index + 1, fault })))
}

export type Faulted = {
  /** It was reached. */
  readonly happened: boolean
  /** As what the command ended; `undefined`: well. */
  readonly error: unknown
  readonly left: World
}

export async function runWithFault(
  world: World,
  command: Command,
  { number, fault }: FaultPoint,
): Promise<Faulted> {
  const left = world.fork()
  let calls = 0
  let happened = false
  const plain = left.machine.process()
  const fs = interceptingFs(plain, async (call, run, args) => {
    calls += 1
    const isIt = calls === number
    if (isIt) happened = true
    if (fault.how === 'full' && happened && TAKES_SPACE.has(call))
      throw systemError('ENOSPC', call, 'injected')
    if (!isIt || fault.how === 'full') return await run()
    if (fault.how === 'short' && call === 'writev') return await half(plain, args)
    if (fault.how === 'after') await run()
    else if (call === 'close') await run() // the descriptor is gone whatever close(2) says
    throw systemError(fault.errno, call, 'injected')
  })
  const client = left.process({ fs, seed: 4_711 })
  const error = await command.run(client).then(
    () => undefined,
    (thrown: unknown) => thrown ?? new Error('nothing was thrown'),
  )
  return { happened, error, left }
}

async function half(fs: StorageFs, args: readonly unknown[]): Promise<number> {
  const [fd, parts] = args as Parameters<StorageFs['writev']>
  const bytes = Buffer.concat(parts)
  return await fs.writev(fd, [bytes.subarray(0, Math.ceil(bytes.length / 2))])
}
