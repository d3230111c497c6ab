/** Ask before somebody leaves behind what he typed and has not saved. */
export function useUnsaved(dirty: () => boolean) {
  const { t } = useI18n()
  const confirm = useConfirm()

  /** True if nothing would be lost, or he agrees to that. */
  async function leave(): Promise<boolean> {
    if (!dirty()) return true
    return await confirm({ title: t('unsaved.title'), text: t('unsaved.text'), button: t('unsaved.leave'), dangerous: true })
  }

  onBeforeRouteLeave(leave)
  onBeforeRouteUpdate(leave)
  useEventListener('beforeunload', (event) => {
    if (dirty()) event.preventDefault()
  })
  return leave
}
