// Loaded before a process's own code by `--cpu-prof DIR`: profiles the whole process and writes the result at its end.
import { writeFileSync } from 'node:fs'
import { Session } from 'node:inspector'
import { join } from 'node:path'

const dir = process.env['BENCH_PROFILE_DIR']
const label = process.env['BENCH_PROFILE_LABEL']
const session = new Session()
session.connect()
session.post('Profiler.enable')
session.post('Profiler.start')

process.on('exit', () => {
  // Within one thread the inspector answers before `post` returns.
  session.post('Profiler.stop', (error, stopped) => {
    if (error || dir === undefined) return
    // `icf cache --port 7100 …` becomes icf-cache.
    const command = process.argv[2]?.replace(/[^a-z-]/g, '')
    const name = label === 'icf' ? `icf-${command}` : label
    writeFileSync(join(dir, `${name}-${process.pid}.cpuprofile`), JSON.stringify(stopped.profile))
  })
})
