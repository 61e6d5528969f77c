// A service that files uploads and writes of each in a database: it does one after the other, so that in between they do not fit.
// Ends after what it has begun when it is told to. Arguments: the directory of uploads, the program psql, the database.
import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'

const [, , uploads, psql, database] = process.argv
let isStopped = false
process.on('SIGTERM', () => {
  isStopped = true
})
for (let number = Date.now(); ; number++) {
  writeFileSync(join(uploads, `${number}.upload`), `upload ${number} ${'x'.repeat(number % 5_000)}`)
  // A SIGTERM to the group must not end it half-way.
  execFileSync(psql, ['-X', '-q', '-d', database, '-c', `INSERT INTO uploads VALUES (${number})`], {
    stdio: 'ignore',
  })
  if (isStopped) process.exit(0)
  await new Promise((resolve) => setTimeout(resolve, 5))
  if (isStopped) process.exit(0)
}
