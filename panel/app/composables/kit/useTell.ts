/** Short messages in the corner. A failure says what happened and what to do. */
export function useTell() {
  const toast = useToast()
  const text = useProblemText()
  const { t } = useI18n()

  function done(title: string, description?: string) {
    toast.add({ title, description, color: 'success', icon: 'i-lucide-circle-check' })
  }

  function failed(error: unknown) {
    const problem = problemOf(error)
    if (isExpiry(problem)) return
    const { title, remedy } = text(problem)
    const reference = problem.requestId && problem.status >= 500 ? t('common.request', { id: problem.requestId }) : ''
    toast.add({
      title,
      description: [remedy, reference].filter(Boolean).join(' '),
      color: 'error',
      icon: 'i-lucide-circle-alert',
      duration: 12_000,
    })
  }

  /** Run something; tell when it fails. True when it did not. */
  async function tryTo(act: () => Promise<unknown>, success?: string): Promise<boolean> {
    try {
      await act()
    } catch (error) {
      failed(error)
      return false
    }
    if (success) done(success)
    return true
  }

  return { done, failed, tryTo }
}
