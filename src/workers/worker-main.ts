/** A worker thread's entry: takes tasks from the main thread, one after the other, and sends back what comes of them. */
import { type MessagePort, parentPort } from 'node:worker_threads'
import { assert } from '../base/assert.ts'
import { addInFlight, asTask, joinTrace } from '../base/trace.ts'
import { createSourceFiles } from '../filesystem/source-files.ts'
import type { PackTicket } from '../pack/pack-header.ts'
import { makePipeline, type ThreadPipeline } from './make-pipeline.ts'
import type { CheckedPack } from './pack-filler.ts'
import { awaitRoom, type PackRoom, takeRoom } from './pack-room.ts'
import type { FromWorker, TaskResult, ToWorker } from './tasks.ts'
import { createWaitingSource } from './waiting-source.ts'
import { wireError } from './wire-error.ts'

const port = parentPort
assert(port !== null, 'this module runs in a worker thread')
joinTrace('worker')

const tickets: PackTicket[] = []
let room: PackRoom | undefined

const send = (message: FromWorker, transfer: ArrayBuffer[] = []): void => port.postMessage(message, transfer)

function sendPack({ bytes, table, digest }: CheckedPack): void {
  const { buffer } = bytes
  if (room !== undefined) takeRoom(room)
  addInFlight(-table.segments.reduce((sum, { plain }) => sum + plain, 0))
  send({ kind: 'pack', buffer, bytes: bytes.length, table, digest }, [buffer])
}

function nextTicket(): PackTicket {
  if (room !== undefined) awaitRoom(room)
  const ticket = tickets.shift()
  assert(ticket !== undefined, 'a task comes with enough tickets')
  return ticket
}

let begun: { readonly pipeline: ThreadPipeline; readonly answers: MessagePort } | undefined

function transferOf(result: TaskResult): ArrayBuffer[] {
  if (result.kind === 'scan') return []
  const bytes = result.kind === 'files' ? result.encoded : result.items
  return [bytes.buffer as ArrayBuffer]
}

function handle(message: Exclude<ToWorker, { kind: 'end' }>): void {
  if (message.kind === 'begin') {
    const { setup, answers, arrived } = message
    room = message.room
    const pipeline = makePipeline(setup, {
      source: createSourceFiles(),
      nextTicket,
      onPack: sendPack,
      bases: createWaitingSource((request) => send({ kind: 'bases', request }), answers, arrived),
    })
    begun = { pipeline, answers }
    return
  }
  assert(begun !== undefined, 'a thread is told what it works on before it works')
  const { pipeline } = begun
  tickets.push(...message.tickets)
  if (message.kind === 'flush') {
    asTask('flush', () => pipeline.flush())
    send({ kind: 'flushed' })
    return
  }
  const { task } = message
  const result = asTask(task.kind, () => pipeline.run(task))
  if (result.kind !== 'scan') addInFlight(result.counts.newBytes)
  send({ kind: 'done', number: message.number, result }, transferOf(result))
}

port.on('message', (message: ToWorker) => {
  if (message.kind === 'end') {
    begun?.answers.close()
    return port.close()
  }
  try {
    handle(message)
  } catch (error) {
    send({ kind: 'failed', error: wireError(error) })
  }
})
send({ kind: 'ready' })
