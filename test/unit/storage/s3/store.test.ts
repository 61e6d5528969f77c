import { randomBytes } from 'node:crypto'
import { afterAll } from 'vitest'
import type { RetryPolicy } from '../../../../src/base/retry.ts'
import type { Storage } from '../../../../src/model/storage.ts'
import { parseS3Address } from '../../../../src/storage/s3/address.ts'
import { openS3 } from '../../../../src/storage/s3/s3.ts'
import { storageContract } from '../../../contract/storage.ts'
import { type Fault, FaultyProxy } from '../../../support/s3/faulty-proxy.ts'
import { CREDENTIALS, Radosgw } from '../../../support/s3/radosgw.ts'

const store = await Radosgw.start()
await store.makeBucket('contract')
const proxy = await FaultyProxy.start(store.port)
afterAll(() => proxy[Symbol.asyncDispose]())

/** What another try makes good. */
const PASSING: readonly Fault[] = [
  'reset',
  'lost answer',
  'unavailable',
  'cut body',
  'slow down',
  'answered 500',
  'bad gateway',
  'done twice',
  'wrong byte up',
]
const SOON: RetryPolicy = { attempts: 20, firstPauseMs: 1, pauseMsMax: 20 }

function open(place: string, retryPolicy: RetryPolicy = SOON): Storage {
  const own = `${place}/contract/${randomBytes(6).toString('hex')}/with space+plus'(!)*~ü=&;`
  return openS3(parseS3Address(own, undefined), CREDENTIALS, { retryPolicy })
}

storageContract('an S3 store', async () => open(store.place))

let turn = 0
storageContract('an S3 store behind a network where every seventh request meets with a fault', async () => {
  proxy.plan = ({ count }) => (count % 7 === 0 ? PASSING[turn++ % PASSING.length] : undefined)
  return open(proxy.place)
})
