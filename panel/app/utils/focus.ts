/** Lead to the first field that is wrong, once the page shows it. Not to be awaited by a form that is being sent: it
 * takes its fields back into use only when its handler has ended. */
export async function focusFirstError(): Promise<void> {
  await new Promise(resolve => setTimeout(resolve))
  const field = document.querySelector<HTMLElement>('[aria-invalid="true"]')
  field?.scrollIntoView({ block: 'center' })
  field?.focus({ preventScroll: true })
}
