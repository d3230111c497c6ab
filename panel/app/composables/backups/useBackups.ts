/** The backups, what was tried lately, and the schedule; read again while one is made, and when the live feed tells of one. */
import { createBackup, deleteBackup, listBackups, verifyBackup, type BackupOut, type BackupsOut } from '~/api'

const BUSY_MS = 2000
const IDLE_MS = 60_000

export function useBackups() {
  const { t } = useI18n()
  const tell = useTell()
  const confirm = useConfirm()
  const format = useFormat()
  const backups = shallowRef<BackupsOut | null>(null)
  const problem = shallowRef<ApiProblem | null>(null)

  async function load(): Promise<void> {
    try {
      backups.value = await ask(listBackups())
      problem.value = null
    } catch (error) {
      problem.value = problemOf(error)
    }
  }

  const busy = computed(() => backups.value?.runs.some(isOpen) ?? false)

  async function make() {
    if (await tell.tryTo(() => ask(createBackup()), t('backups.begun'))) await load()
  }

  async function verify(backup: BackupOut) {
    if (await tell.tryTo(() => ask(verifyBackup({ path: { backup_id: backup.id } })), t('backups.verifying'))) await load()
  }

  async function drop(backup: BackupOut) {
    const agreed = await confirm({
      title: t('backups.remove.title', { at: format.when(backup.created_at) }),
      text: t('backups.remove.text'),
      button: t('common.remove'),
      dangerous: true,
    })
    if (agreed && await tell.tryTo(() => ask(deleteBackup({ path: { backup_id: backup.id } })), t('backups.removed'))) await load()
  }

  useLive().onEvents((events) => {
    if (events.some(event => event.kind.startsWith('backup.'))) void load()
  })
  void load()
  useFresh(load, () => (busy.value ? BUSY_MS : IDLE_MS))
  return { backups, problem, busy, load, make, verify, drop }
}
