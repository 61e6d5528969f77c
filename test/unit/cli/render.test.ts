import { describe, expect, it } from 'vitest'
import { rfc3339, rfc3339OfMs } from '../../../src/base/timestamp.ts'
import { renderBackupSummary, renderBackupSummaryJson } from '../../../src/cli/render/backup-summary.ts'
import { renderKeyList, renderKeyListJson } from '../../../src/cli/render/key-list.ts'
import {
  type ListedEntry,
  permissions,
  renderEntry,
  renderEntryJson,
  renderLsHeadJson,
} from '../../../src/cli/render/ls.ts'
import { renderRestoreSummary, renderRestoreSummaryJson } from '../../../src/cli/render/restore-summary.ts'
import {
  type ListedSnapshot,
  renderSnapshots,
  renderSnapshotsJson,
} from '../../../src/cli/render/snapshots.ts'
import { renderStats, renderStatsJson } from '../../../src/cli/render/stats.ts'
import { renderVerifyReport, renderVerifyReportJson } from '../../../src/cli/render/verify-report.ts'
import { seriesId, snapshotId } from '../../../src/model/ids.ts'
import type { BackupSummary } from '../../../src/ops/backup/summary.ts'

const ID = '0123456789abcdef0123456789abcdef'

const lines = (text: string): Record<string, unknown>[] => {
  expect(text.endsWith('\n')).toBe(true)
  return text
    .slice(0, -1)
    .split('\n')
    .map((line) => JSON.parse(line))
}

const SNAPSHOT: ListedSnapshot = {
  id: ID,
  time: Date.parse('2025-11-19T01:00:05.120Z'),
  hostname: 'web1',
  username: 'root',
  paths: ['/srv', '/h\udcff'],
  tags: ['a', 'b'],
  label: undefined,
  tree: 'ff'.repeat(32),
  summary: { total_files_processed: 1234, total_bytes_processed: 2048 },
  incomplete: false,
  held: false,
  forgotten: undefined,
}

describe('timestamps', () => {
  it('have nine digits, before 1970 and beyond year 9999 too', () => {
    expect(rfc3339OfMs(-1)).toBe('1969-12-31T23:59:59.999000000Z')
    expect(rfc3339(1, 5)).toBe('1970-01-01T00:00:01.000000005Z')
    expect(rfc3339(1e15, 0)).toBe('9999-12-31T23:59:59.000000000Z')
    expect(rfc3339(-1e15, 0)).toBe('0000-01-01T00:00:00.000000000Z')
  })
})

describe('snapshots', () => {
  it('are a table with local times', () => {
    expect(
      renderSnapshots([SNAPSHOT, { ...SNAPSHOT, summary: {}, incomplete: true }], {
        timeZone: 'Europe/Berlin',
      }),
    ).toBe(
      [
        'id         time                 host  label  tags  paths        files     size',
        '01234567   2025-11-19 02:00:05  web1         a,b   /srv /h\\xff  1,234  2.0 KiB',
        '01234567!  2025-11-19 02:00:05  web1         a,b   /srv /h\\xff',
        '2 snapshots',
        '! incomplete: something could not be read',
        '',
      ].join('\n'),
    )
    expect(renderSnapshots([])).toBe('no snapshots\n')
  })

  it('lists what a job has saved, and what was found out about it, where that is asked for', () => {
    const sources = [
      { name: 'docs', kind: 'files', paths: ['/srv/docs', '/srv/more'] },
      {
        name: 'bank',
        category: 'critical',
        type: 'ledger',
        kind: 'sqlite',
        paths: ['/@bank/bank.db'],
        facts: {
          page_size: 4096,
          pages: 1200,
          schema: 'ab'.repeat(32),
          integrity: 'ok',
          rows: { a: 1, b: 2999 },
        },
      },
      { category: 'important', type: 'files', kind: 'files', paths: ['/etc/*.conf'] },
      {
        name: 'odd',
        kind: 'sqlite',
        paths: [],
        facts: { integrity: ['row 1 missing'], rows: ['\u001b[2J'] },
      },
    ]
    const [, , ...lines] = renderSnapshots([{ ...SNAPSHOT, sources }], { withSources: true }).split('\n')
    expect(lines).toEqual([
      '    docs, files: /srv/docs /srv/more',
      '    bank (critical/ledger), sqlite: pages 1,200, integrity ok, 3,000 rows in 2 tables',
      '    (important/files), files: /etc/*.conf',
      '    odd, sqlite: INTEGRITY: row 1 missing, 1 row',
      '1 snapshot',
      '',
    ])
    expect(renderSnapshots([{ ...SNAPSHOT, sources }])).not.toContain('docs')
  })

  it('are marked where they are held, with a column where some are forgotten', () => {
    const held = { ...SNAPSHOT, held: true, incomplete: true }
    const forgotten = { ...SNAPSHOT, forgotten: Date.parse('2025-11-20T01:00:05.120Z') }
    expect(renderSnapshots([held, forgotten], { timeZone: 'UTC' })).toBe(
      [
        'id          time                 host  label  tags  paths        files     size  forgotten',
        '01234567!*  2025-11-19 01:00:05  web1         a,b   /srv /h\\xff  1,234  2.0 KiB',
        '01234567    2025-11-19 01:00:05  web1         a,b   /srv /h\\xff  1,234  2.0 KiB  2025-11-20 01:00:05',
        '2 snapshots',
        '! incomplete: something could not be read',
        '* held: it is not forgotten until `snap unhold`',
        '',
      ].join('\n'),
    )
    expect(renderSnapshotsJson([held, forgotten]).indexOf('\n')).toBe(
      renderSnapshotsJson([held, forgotten]).length - 1,
    )
    expect(JSON.parse(renderSnapshotsJson([held, forgotten]))).toMatchObject([
      { held: true },
      { held: false, forgotten: '2025-11-20T01:00:05.120000000Z' },
    ])
  })

  it('are an array for programs', () => {
    expect(JSON.parse(renderSnapshotsJson([SNAPSHOT]))).toEqual([
      {
        id: ID,
        short_id: '01234567',
        time: '2025-11-19T01:00:05.120000000Z',
        hostname: 'web1',
        username: 'root',
        paths: ['/srv', '/h\ufffd'],
        paths_b64: [null, 'L2j/'],
        tags: ['a', 'b'],
        label: null,
        tree: 'ff'.repeat(32),
        summary: SNAPSHOT.summary,
        incomplete: false,
        held: false,
      },
    ])
    expect(JSON.parse(renderSnapshotsJson([]))).toEqual([])
    expect(JSON.parse(renderSnapshotsJson([{ ...SNAPSHOT, paths: ['/x'] }, SNAPSHOT]))[0]).not.toHaveProperty(
      'paths_b64',
    )
  })
})

describe('ls', () => {
  const entry: ListedEntry = {
    path: '/srv/a\u001bb',
    type: 'file',
    mode: 0o4755,
    uid: 1000,
    gid: 50,
    user: 'me',
    size: 12,
    mtimeSec: -1,
    mtimeNsec: 7,
    ctimeSec: 1,
    ctimeNsec: 0,
    inode: 9,
  }

  it.each([
    ['file', 0o644, '-rw-r--r--'],
    ['dir', 0o1777, 'drwxrwxrwt'],
    ['dir', 0o1776, 'drwxrwxrwT'],
    ['file', 0o4755, '-rwsr-xr-x'],
    ['file', 0o2644, '-rw-r-Sr--'],
    ['socket', 0, 's---------'],
  ] as const)('shows %s %o as %3$s', (type, mode, text) => {
    expect(permissions(type, mode)).toBe(text)
  })

  it('shows one line for each entry, made safe', () => {
    expect(renderEntry(entry, true, 'UTC')).toBe(
      '-rwsr-xr-x me       50                 12 1969-12-31 23:59:59 /srv/a\\x1bb\n',
    )
    expect(renderEntry(entry, false)).toBe('/srv/a\\x1bb\n')
    expect(renderEntry({ ...entry, type: 'symlink', linkTarget: '/\n' }, true, 'UTC')).toContain(
      ' -> /\\x0a\n',
    )
    expect(renderEntry({ ...entry, type: 'block', major: 8, minor: 1 }, true, 'UTC')).toContain(' 8, 1 ')
  })

  it('writes the lines of restic for programs', () => {
    expect(lines(renderLsHeadJson(SNAPSHOT))[0]).toMatchObject({
      message_type: 'snapshot',
      struct_type: 'snapshot',
      id: ID,
    })
    expect(lines(renderEntryJson(entry))).toEqual([
      {
        message_type: 'node',
        struct_type: 'node',
        name: 'a\u001bb',
        type: 'file',
        path: '/srv/a\u001bb',
        uid: 1000,
        gid: 50,
        user: 'me',
        size: 12,
        mode: 2 ** 23 + 0o755,
        permissions: '-rwsr-xr-x',
        mtime: '1969-12-31T23:59:59.000000007Z',
        ctime: '1970-01-01T00:00:01.000000000Z',
        inode: 9,
      },
    ])
    const odd = lines(
      renderEntryJson({ ...entry, type: 'symlink', path: '/\udce9', linkTarget: '\udcea' }),
    )[0]
    expect(odd).toMatchObject({
      name: '\ufffd',
      path: '/\ufffd',
      path_b64: 'L+k=',
      linktarget: '\ufffd',
      linktarget_b64: '6g==',
    })
    expect(odd).not.toHaveProperty('size')
    expect(lines(renderEntryJson({ ...entry, type: 'dir', mode: 0o755 }))[0]).toMatchObject({
      mode: 2147484141,
      type: 'dir',
    })
  })
})

describe('backup', () => {
  const summary: BackupSummary = {
    filesNew: 1200,
    filesChanged: 30,
    filesAgain: 0,
    filesUnmodified: 4,
    dirsNew: 1,
    dirsChanged: 2,
    dirsUnmodified: 3,
    others: 7,
    filesTotal: 1234,
    bytesTotal: 4096,
    bytesRead: 2048,
    dataChunks: 50,
    treeChunks: 6,
    bytesAdded: 1024,
    bytesStored: 512,
    unreadable: 1,
    changedWhileRead: 0,
    startedMs: 1000,
    endedMs: 3000,
  }

  it('sums up for people', () => {
    expect(renderBackupSummary(summary, ID)).toBe(
      [
        'files:       1,200 new, 30 changed, 4 unmodified',
        'directories: 1 new, 2 changed, 3 unmodified',
        'read:        2.0 KiB of 4.0 KiB (1.0 KiB/s)',
        'added:       1.0 KiB, stored as 512 B (50.0%)',
        'others:      7 (links, FIFOs, devices, sockets)',
        'unreadable:  1 entry, not counted among the files',
        '1,234 files, 4.0 KiB in 2.00 s',
        'snapshot 01234567 saved',
        '',
      ].join('\n'),
    )
    expect(renderBackupSummary(summary, undefined)).toContain('dry run')
    const idle = renderBackupSummary({ ...summary, bytesRead: 0, others: 0, changedWhileRead: 1 }, ID)
    expect(idle).toContain('\nread:        0 B of 4.0 KiB\n')
    expect(idle).toContain('\ntorn:        1 file that changed while being read\n')
    expect(idle).not.toContain('others')
    const mended = renderBackupSummary({ ...summary, filesAgain: 2 }, ID)
    expect(mended).toContain('\nagain:       2 files, of which the repository had not all any more\n')
  })

  it('sums up for programs', () => {
    expect(lines(renderBackupSummaryJson(summary, ID))).toEqual([
      {
        message_type: 'summary',
        files_new: 1200,
        files_changed: 30,
        files_unmodified: 4,
        files_stored_again: 0,
        dirs_new: 1,
        dirs_changed: 2,
        dirs_unmodified: 3,
        others: 7,
        data_blobs: 50,
        tree_blobs: 6,
        data_added: 1024,
        data_added_packed: 512,
        bytes_read: 2048,
        total_files_processed: 1234,
        total_bytes_processed: 4096,
        unreadable: 1,
        changed_while_read: 0,
        backup_start_ms: 1000,
        backup_end_ms: 3000,
        total_duration: 2,
        snapshot_id: ID,
      },
    ])
  })
})

describe('restore', () => {
  const summary = {
    snapshotId: ID,
    target: '/t\udcff',
    selected: false,
    inPlace: false,
    dryRun: false,
    restored: 5,
    skipped: 2,
    deleted: 1,
    failed: 1,
    bytesWritten: 1024,
    bytesTotal: 4096,
    durationMs: 1000,
    notKept: ['ACLs'],
  }

  it('sums up for people', () => {
    expect(renderRestoreSummary(summary)).toBe(
      '5 entries restored, 2 entries already there, 1 entry deleted, 1 entry failed\n1.0 KiB written in 1.00 s (1.0 KiB/s)\nnot kept: ACLs\nwhat could be restored of snapshot 01234567 is in /t\\xff\n',
    )
    expect(renderRestoreSummary({ ...summary, restored: 0, skipped: 0 })).toMatch(
      /\nno entry of snapshot 01234567 could be restored\n$/,
    )
  })

  it('says where it is once it is all there', () => {
    const whole = { ...summary, failed: 0 }
    expect(renderRestoreSummary(whole)).toMatch(/\nsnapshot 01234567 is in \/t\\xff\n$/)
    expect(renderRestoreSummary({ ...whole, selected: true })).toMatch(
      /\nwhat was named of snapshot 01234567 is in \/t\\xff\n$/,
    )
    expect(renderRestoreSummary({ ...whole, inPlace: true })).toMatch(
      /\nsnapshot 01234567 is back in its place\n$/,
    )
    expect(renderRestoreSummary({ ...summary, dryRun: true })).toBe(
      'dry run, nothing was written: 5 entries would be restored, 2 entries already there, 1 entry would be deleted, 1 entry would fail\n',
    )
  })

  it('sums up for programs', () => {
    expect(lines(renderRestoreSummaryJson(summary))[0]).toMatchObject({
      message_type: 'summary',
      target: '/t\ufffd',
      target_b64: 'L3T/',
      total_files: 8,
      files_restored: 5,
      bytes_restored: 1024,
    })
  })
})

describe('verify', () => {
  const report = {
    data: true,
    snapshots: 3,
    packs: 2,
    chunks: 100,
    bytes: 1024,
    durationMs: 10,
    damaged: [{ key: 'packs/3f/3f', reason: 'segment 7 does not open' }],
    affected: [{ snapshotId: ID, path: '/a\n' }],
    affectedTotal: 1,
    affectedSnapshots: 1,
    healed: [],
    notes: ['1 pack is not referenced'],
  }

  it('names every damaged object and affected file', () => {
    const text = renderVerifyReport(report)
    expect(text).toContain('damaged: packs/3f/3f: segment 7 does not open\naffected: 01234567 /a\\x0a\n')
    expect(text).toContain('1 object damaged, 1 file or directory in 1 snapshot affected\n')
    const many = renderVerifyReport({ ...report, affectedTotal: 12_000, affectedSnapshots: 3 })
    expect(many).toContain('\naffected: 11,999 more\n')
    expect(many).toContain('12,000 files or directories in 3 snapshots affected\n')
    const none = { ...report, data: false, damaged: [], affected: [] }
    expect(renderVerifyReport({ ...none, affectedTotal: 0 })).toMatch(/structure only.*\nno damage found\n$/)
    expect(renderVerifyReport(none)).toMatch(
      /\n0 objects damaged, 1 file or directory in 1 snapshot affected\n$/,
    )
  })

  it('writes a line for each finding for programs', () => {
    const [damaged, affected, summary] = lines(renderVerifyReportJson(report))
    expect(damaged).toEqual({
      message_type: 'damaged',
      key: 'packs/3f/3f',
      reason: 'segment 7 does not open',
    })
    expect(affected).toEqual({ message_type: 'affected', snapshot_id: ID, path: '/a\n' })
    expect(summary).toMatchObject({ message_type: 'summary', num_errors: 1, affected_files: 1 })
  })
})

it('shows what a repository holds', () => {
  const stats = {
    snapshots: 3,
    series: [
      {
        series: seriesId(ID),
        hostname: 'web1',
        paths: ['/srv\u001b'],
        snapshots: 3,
        latest: { id: snapshotId(ID), timeMs: 0 },
        bytesInSnapshots: 4096,
        bytesAdded: 2048,
        bytesStored: 1024,
        bytesStoredPerDay: undefined,
      },
    ],
    packs: 12,
    chunks: 123_456,
    bytesRestorable: 4096,
    bytesUnique: 2048,
    bytesStored: 1024,
    bytesUnreferenced: 0,
    bytesOther: 10,
    deltaSegments: 2,
    bytesInDeltas: 512,
    bytesOfDeltas: 64,
    bytesSaved: 192,
  }
  const text = renderStats(stats)
  expect(text).not.toContain('unfinished')
  const unfinished = renderStats({ ...stats, bytesUnreferenced: 2048 })
  expect(unfinished).toMatch(/\nof unfinished backups +2\.0 KiB {2}`snap prune` says more\n/)
  expect(text).toMatch(/^snapshots +3\n/)
  expect(text).toMatch(/without duplicates +2\.0 KiB {2}50\.0%\nstored +1\.0 KiB {2}50\.0% of that\n/)
  expect(renderStats({ ...stats, bytesRestorable: 2047 })).toMatch(
    /without duplicates +2\.0 KiB {2}with directories, .* differences build on\n/,
  )
  expect(text).toMatch(/\nof it as differences +64 B {2}for 512 B: saves about 192 B\n/)
  expect(text).toMatch(/\nweb1: \/srv\\x1b +3 +4\.0 KiB +2\.0 KiB +1\.0 KiB +-\n$/)
  expect(lines(renderStatsJson(stats))[0]).toMatchObject({
    series_count: 1,
    series: [{ hostname: 'web1', data_added: 2048, data_added_packed_per_day: null }],
    total_size: 1024,
    delta_saved_size: 192,
    compression_ratio: 2,
    snapshots_count: 3,
  })
  expect(lines(renderStatsJson({ ...stats, bytesStored: 0 }))[0]).toMatchObject({ compression_ratio: 0 })
})

it('lists slots', () => {
  const slots = [
    { id: ID, kind: 'password' as const, current: true, role: 'admin', name: 'me\u001b', created: 0 },
    { id: `f${ID.slice(1)}`, kind: 'key file' as const, current: false },
  ]
  expect(renderKeyList(slots, 'UTC')).toBe(
    '   id        kind      role   name    created\n*  01234567  password  admin  me\\x1b  1970-01-01 00:00:00\n   f1234567  key file\n',
  )
  expect(JSON.parse(renderKeyListJson(slots))).toMatchObject([
    { id: ID, created: '1970-01-01T00:00:00.000000000Z' },
    { current: false },
  ])
})
