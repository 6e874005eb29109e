// @ts-check
// From the events of OpenAI's Realtime API to the few things that the app wants to know.

/**
 * @typedef {{ kind: 'speech_started' } | { kind: 'speech_stopped' }
 *   | { kind: 'partial', text: string, whole: boolean } | { kind: 'transcript', text: string }
 *   | { kind: 'response', id: string } | { kind: 'says', item: string, text: string, whole: boolean }
 *   | { kind: 'done', id: string, failed: string, silent: boolean } | { kind: 'error', code: string, about: string }} Reading
 */

/**
 * What an event means to the app; nothing where it means nothing.
 * @param {any} event
 * @returns {Reading | null}
 */
export function readEvent(event) {
  switch (event?.type) {
    case 'input_audio_buffer.speech_started':
      return { kind: 'speech_started' };
    case 'input_audio_buffer.speech_stopped':
      return { kind: 'speech_stopped' };
    case 'conversation.item.input_audio_transcription.delta':
      return { kind: 'partial', text: event.delta ?? '', whole: false };
    case 'conversation.item.input_audio_transcription.completed':
      return { kind: 'transcript', text: (event.transcript ?? '').trim() };
    case 'conversation.item.input_audio_transcription.failed':
      return { kind: 'error', code: event.error?.code ?? 'internal', about: '' };
    case 'response.created':
      return { kind: 'response', id: event.response?.id ?? '' };
    case 'response.output_audio_transcript.delta':
    case 'response.output_text.delta':
      return { kind: 'says', item: event.item_id ?? '', text: event.delta ?? '', whole: false };
    case 'response.output_audio_transcript.done':
      return { kind: 'says', item: event.item_id ?? '', text: event.transcript ?? '', whole: true };
    case 'response.output_text.done':
      return { kind: 'says', item: event.item_id ?? '', text: event.text ?? '', whole: true };
    case 'response.done': {
      const { id = '', status, status_details: details, output = [] } = event.response ?? {};
      const failed = status === 'failed' ? (details?.error?.code ?? 'internal') : '';
      const silent = !output.some((/** @type {any} */ item) => item.content?.some((/** @type {any} */ part) => /audio/.test(part.type)));
      return { kind: 'done', id, failed, silent };
    }
    case 'error':
      return { kind: 'error', code: event.error?.code ?? event.error?.type ?? 'internal', about: event.error?.event_id ?? '' };
    default:
      return null;
  }
}
