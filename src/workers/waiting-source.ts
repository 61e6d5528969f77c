/** A source of bases for a worker thread, which waits for an answer without giving up its turn. */
import { type MessagePort, receiveMessageOnPort } from 'node:worker_threads'
import { assert } from '../base/assert.ts'
import type { BaseAnswer, BaseRequest, BaseSource } from './bases.ts'

/** `answers`: one for each request, in their order; `arrived` counts them. */
export function createWaitingSource(
  send: (request: BaseRequest) => void,
  answers: MessagePort,
  arrived: Int32Array<SharedArrayBuffer>,
): BaseSource {
  let asked = 0
  let taken = 0
  return {
    ask(request) {
      const number = asked
      asked += 1
      send(request)
      return {
        take() {
          assert(taken === number, 'answers are taken in the order of the requests')
          for (let count = Atomics.load(arrived, 0); count <= number; count = Atomics.load(arrived, 0))
            Atomics.wait(arrived, 0, count)
          const received = receiveMessageOnPort(answers)
          assert(received !== undefined, 'an answer that was counted is there')
          taken += 1
          return received.message as BaseAnswer
        },
      }
    },
  }
}
