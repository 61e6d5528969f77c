/** The file that `snap config init` writes: it can be used as it is once its paths are right, and explains every key. */

/** `place`: of the default repository on this machine. */
export function starterConfig(place: { readonly repository: string; readonly keyFile: string }): string {
  return `# What snap protects, where it saves it and how long it keeps it.
# Check it with \`snap config check\`; try a job with \`snap backup --job daily --dry-run -v\`.
# \${NAME} is replaced by the environment variable NAME; a dollar sign as it is, is $$.

repositories:
  local:
    path: ${JSON.stringify(place.repository)}
    # What opens it: one of these. Without any, the environment or the terminal is asked.
    key-file: ${JSON.stringify(place.keyFile)}
    # password: file:/etc/snap/password
    # password: \${SNAP_PASSWORD}
    # password-command: pass show backup
    # cache-dir: /var/cache/snap
  # offsite:
  #   path: s3:https://s3.example.org/bucket/prefix   # or s3:bucket/prefix, at AWS
  #   access-key: AKIAEXAMPLE   # without both, the environment says it (AWS_ACCESS_KEY_ID ...)
  #   secret-key: file:/etc/snap/s3.secret
  #   region: eu-central-1
  #   password: file:/etc/snap/password

# What can be saved: files, SQLite databases, what a command prints. All but files lie in the snapshot at /@NAME.
sources:
  settings:
    files: [/etc/hostname]
    # exclude: ['*.tmp', 'cache/']   # gitignore syntax, anchored at each path
  # ledger:
  #   sqlite: /var/lib/ledger/ledger.db   # may be in use
  # app:
  #   postgres:
  #     database: app
  #     host: localhost
  #     port: 5432
  #     user: backup
  #     password: file:/etc/snap/app.password
  #     ssl-mode: require
  #     format: custom        # for pg_restore; plain is SQL
  #     globals: true         # roles and tablespaces too
  #     options: [--exclude-table-data=sessions]
  #     programs: /usr/lib/postgresql/15/bin
  # cluster:
  #   postgres-cluster:       # the whole server, with archived WAL: back to any second
  #     host: /var/run/postgresql
  #     user: backup
  #     wal-age: 15m          # the newest archived WAL is to be no older
  #     options: [--max-rate=50M]
  #     # port, password, ssl-mode, programs as above
  # shop:
  #   command: [mysqldump, --all-databases]
  #   as: shop.sql
  #   env: { MYSQL_PWD: "\${SHOP_PASSWORD}" }
  #   cwd: /srv/shop
  #   timeout: 2h

# Data types by category: globs of whole paths, and names of sources.
categories:
  critical:
    settings: [settings]
  important:
    documents: [~/Documents]
  optional:
    pictures: ['~/Pictures/**/*.jpg']

# Each job has snapshots, and a retention, of its own. Run one with \`snap backup --job daily\`.
jobs:
  daily:
    repository: local
    scope: [critical, important]
    # sources: [shop]
    label: incremental
    schedule: { at: 'daily at 02:00', timezone: UTC }   # also: jitter: 10m, catch-up: false
    # max-age: 26h          # else it is stale; without it, the schedule counts
    # time-limit: 6h
    # nice: 10
    # ionice: idle
    # tags: [nightly]
    # exclude: ['node_modules/']
    # exclude-caches: true
    # exclude-larger-than: 2G
    # one-file-system: true
    # ignore-files: false
    # compression: max
    # host: server1
    retention:
      keep-labels: { incremental: 30 }
      min-count: 3
    # Commands around it: lines for the shell, or command with env, cwd, timeout and on-error (fail, warn, ignore).
    # hooks:
    #   before: [systemctl stop app]
    #   after: ['echo saved']
    #   failed: ['echo "$SNAP_ERROR" | mail -s "backup of $SNAP_JOB" root']
    #   finally: [{ command: [systemctl, start, app], timeout: 2m, on-error: warn }]
    # after:
    #   verify: structure
    #   copy: [usb]           # repositories above; or with a retention of their own:
    #   copy: [{ to: usb, retention: { keep-monthly: 12 }, prune: true }]
    #   prune: true
    # notify: [ops]           # channels below that hear of it; without it, all
    # ping: https://hc-ping.com/UUID      # told that it begins, was done or failed; or one for each:
    # ping: { start: https://..., success: https://..., fail: https://... }
  weekly:
    scope: [critical, important, optional]
    full: true
    label: full
    schedule: { at: 'sunday at 01:00', timezone: UTC }
    retention:
      keep-labels: { full: 84 }
  monthly:
    scope: [critical, important, optional]
    full: true
    label: full
    schedule: { at: 'first sunday at 00:00', timezone: UTC }
    retention:
      # keep-last, keep-hourly, keep-daily, keep-weekly, keep-monthly, keep-yearly: a number or unlimited
      keep-monthly: 12
      # keep-within: 1y6m
      # keep-tags: [release]
      # max-count: 24
      # timezone: Europe/Berlin

# Recoveries that are tried: restored into a scratch directory, checked, measured. Run one with \`snap drill weekly-app\`.
# drills:
#   weekly-app:
#     job: daily            # its newest complete snapshot; names of drills are not those of jobs
#     categories: [critical]   # what of it; everything
#     # types: [settings]
#     # paths: [/etc/hostname]
#     into: /var/tmp/drills    # a directory of its own is made there, and removed at the end
#     databases: true       # false; or { to: 'postgresql://USER:PASSWORD@HOST:5432' } for another server
#     probes:               # commands that end with 0, in the restored directory
#       - test -s etc/hostname
#       - [./check.sh]      # beside this file
#       - { command: [./check.sh, --deep], env: { LEVEL: full }, timeout: 5m }
#     schedule: sunday at 05:00
#     time-limit: 2h
#     nice: 10
#     ionice: idle
#     keep: failed          # what a drill that failed has restored stays; never

# What keeps the schedules: \`snap daemon\`, or \`snap schedule run\` each minute; \`snap schedule install\` sets up either.
# daemon:
#   listen: 127.0.0.1:7070   # an HTTP API; or unix:/run/snap.sock
#   token: file:/etc/snap/token
#   jobs-at-once: 2
#   check-every: 15m

# What this machine remembers of runs.
# history:
#   keep-runs: 400d
#   keep-logs: 90d

# Who is told of trouble, and that it is over. Try them with \`snap notify test\`.
# notifications:
#   ops:
#     mail:
#       to: [ops@example.org]
#       from: snap@example.org
#       server: smtp://mail.example.org:587   # or smtps://
#       user: snap
#       password: file:/etc/snap/mail.password
#       starttls: required
#     on: [failed, stale, unreachable, low-disk, damaged]   # and incomplete, anomaly, objective, drill, undelivered, unrecorded
#     repeat: 24h             # what lasts is told again; or never
#   chat:
#     webhook: \${CHAT_HOOK}
#     headers: { Authorization: file:/etc/snap/chat.token }
#   pager:
#     command: [/usr/local/bin/page]
#     timeout: 30s
#   journal:
#     log: /var/log/snap/alerts.log

# From where on something is trouble, and what is to be met for a category.
# alerts:
#   free-percent: 5
#   free-space: 1G
#   days-until-full: 7
#   anomaly-factor: 10
#   anomaly-size: 64M
# objectives:
#   critical: { recovery-point: 26h, recovery-time: 30m }

# metrics:
#   textfile: /var/lib/prometheus/node-exporter/snap.prom
`
}
