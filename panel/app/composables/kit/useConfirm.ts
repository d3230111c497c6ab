/** Ask before something is done that cannot be undone. */
import { LazyConfirmModal } from '#components'

export interface Question {
  title: string
  text: string
  /** What will happen, one line each. */
  points?: string[]
  button: string
  dangerous?: boolean
}

export function useConfirm() {
  const overlay = useOverlay()
  const modal = overlay.create(LazyConfirmModal)
  return async (question: Question): Promise<boolean> => (await modal.open(question).result) === true
}
