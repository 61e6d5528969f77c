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
    #   prune: true
  weekly:
    scope: [critical, important, optional]
    full: true
    label: full
    retention:
      keep-labels: { full: 84 }
  monthly:
    scope: [critical, important, optional]
    full: true
    label: full
    retention:
      # keep-last, keep-hourly, keep-daily, keep-weekly, keep-monthly, keep-yearly: a number or unlimited
      keep-monthly: 12
      # keep-within: 1y6m
      # keep-tags: [release]
      # max-count: 24
      # timezone: Europe/Berlin
`
}
