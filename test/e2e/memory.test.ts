import { randomFillSync } from 'node:crypto'
import { closeSync, mkdirSync, openSync, writeSync } from 'node:fs'
import { expect, it } from 'vitest'
import { Sandbox } from '../support/snap.ts'

const MIB = 1_048_576
const PEAK_KIB = `
import resource, subprocess, sys
subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)`

const box = new Sandbox()

it('takes no more memory for a larger file that does not compress', async () => {
  mkdirSync(box.path('source'))
  const fd = openSync(box.path('source', 'media'), 'w')
  const part = new Uint8Array(64 * MIB)
  for (let at = 0; at < 640 * MIB; at += part.length) writeSync(fd, randomFillSync(part))
  closeSync(fd)
  await box.init()
  const { stdout } = await box.ok(['backup', 'source', '--threads', '2'], {
    through: ['python3', '-c', PEAK_KIB],
  })
  // 360 MiB. Twenty packs of 32 MiB are made; a run that keeps one for each piece of the file takes 660.
  expect(Number(stdout) / 1_024).toBeLessThan(512)
}, 120_000)
