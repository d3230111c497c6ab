/** What the schedule of backups promises. */
import type { BackupRunOut, BackupScheduleOut } from '~/api'

const HOUR_MS = 3_600_000
/** Later than this many spans, the doctor calls a backup too old. */
const LATE = 2.5

/** When the next one is due; undefined where none is made by itself, 0 where it is due now. */
export function nextBackup(schedule: BackupScheduleOut, lastSuccess: string | null): number | undefined {
  if (!schedule.every_hours) return undefined
  return lastSuccess ? Date.parse(lastSuccess) + schedule.every_hours * HOUR_MS : 0
}

export function backupIsOld(schedule: BackupScheduleOut, lastSuccess: string | null, now: number): boolean {
  return schedule.every_hours > 0 && lastSuccess !== null && now - Date.parse(lastSuccess) > LATE * schedule.every_hours * HOUR_MS
}

/** Asked for or under way. */
export function isOpen(run: Pick<BackupRunOut, 'state'>): boolean {
  return run.state === 'requested' || run.state === 'running'
}
