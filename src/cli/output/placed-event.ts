import type { MirrorEvent } from '../../copy/events.ts'

/** An image of a run with several destinations: `docker.io/rancher/x:1 -> a.example`. */
function placedName(image: string, place: string): string {
  return `${image} -> ${place}`
}

/** An event whose images are named with their destination. */
export function placedEvent(event: MirrorEvent, place: string | undefined): MirrorEvent {
  if (place === undefined) return event
  if (event.type === 'run-started') {
    return { ...event, images: event.images.map((names) => ({ ...names, image: placedName(names.image, place) })) }
  }
  // One image has one warning, whichever destinations it goes to.
  if (!('image' in event) || event.image === undefined || event.type === 'warning') return event
  return { ...event, image: placedName(event.image, place) }
}
