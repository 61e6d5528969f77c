import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { type Json, Sandbox } from '../support/snap.ts'

const DIRECTORIES = 40
const FILES = 90

describe('an unchanged tree of more names than a task looks at', () => {
  const box = new Sandbox()
  const data = box.path('data')
  const directory = (number: number): string => `${data}/${number % 4}/${number % 8}/d${number}`

  function makeTree(): void {
    for (let number = 0; number < DIRECTORIES; number++) {
      mkdirSync(directory(number), { recursive: true })
      for (let file = 0; file < FILES; file++)
        writeFileSync(`${directory(number)}/f${file}`, `${number} ${file}`)
      symlinkSync('f1', `${directory(number)}/link`)
    }
  }

  const treeOf = async (): Promise<string> => (await box.snapshots()).at(-1)?.tree
  const counts = ({
    files_unmodified,
    files_changed,
    files_new,
    dirs_unmodified,
    dirs_changed,
    others,
  }: Json) => ({
    files_unmodified,
    files_changed,
    files_new,
    dirs_unmodified,
    dirs_changed,
    others,
  })

  it('is taken over by one thread and by many as by the walk, and so is one with a change in it', async () => {
    makeTree()
    await box.init()
    await box.ok(['backup', data])
    const tree = await treeOf()
    const scanned: Json[] = []
    for (const threads of ['1', '2', '5'])
      scanned.push(await box.summary(['backup', '--threads', threads, data]))
    for (const summary of scanned) {
      expect(summary).toMatchObject({
        files_unmodified: DIRECTORIES * FILES,
        dirs_changed: 0,
        bytes_read: 0,
        others: DIRECTORIES,
      })
    }
    expect(await treeOf()).toBe(tree)
    writeFileSync(`${directory(17)}/f50`, 'changed')
    chmodSync(directory(30), 0o700)
    const summary = await box.summary(['backup', '--threads', '2', data])
    expect(summary).toMatchObject({ files_changed: 1, files_unmodified: DIRECTORIES * FILES - 1 })
    const changed = await treeOf()
    expect(changed).not.toBe(tree)
    // Every file is read with this, and compared with nothing.
    const full = await box.summary(['backup', '--full', data])
    expect(await treeOf()).toBe(changed)
    expect(counts(await box.summary(['backup', data]))).toEqual({
      ...counts(full),
      files_unmodified: DIRECTORIES * FILES,
      files_changed: 0,
    })
  })
})
