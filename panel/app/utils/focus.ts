/** Lead to the first field that is wrong, once the page shows it. */
import { nextTick } from 'vue'

export async function focusFirstError(): Promise<void> {
  await nextTick()
  const field = document.querySelector<HTMLElement>('[aria-invalid="true"]')
  field?.scrollIntoView({ block: 'center' })
  field?.focus({ preventScroll: true })
}
