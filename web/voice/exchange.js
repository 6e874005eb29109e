// @ts-check
// One sentence and its answer, as far as they are known.

export class Exchange {
  /** What was understood so far. */
  heard = '';
  /** Whether `heard` may still change. */
  unsettled = false;
  /** What the house says. */
  answer = '';
  /** What went wrong: a code. */
  error = '';
  /** When it began (Unix time, milliseconds); 0 before the first. */
  since = 0;
  /** Id of the response that is being made; empty where there is none. */
  response = '';
  /** Id of the item that is spoken. */
  item = '';

  /** Somebody begins to speak. */
  static begin() {
    const begun = new Exchange();
    begun.since = Date.now();
    begun.unsettled = true;
    return begun;
  }

  /** @param {import('./reading.js').Reading} event */
  read(event) {
    switch (event.kind) {
      case 'partial':
        this.heard = event.whole ? event.text : this.heard + event.text;
        this.unsettled = true;
        break;
      case 'transcript':
        this.heard = event.text;
        this.unsettled = false;
        break;
      case 'response':
        this.response = event.id;
        this.answer = '';
        break;
      case 'says':
        this.item = event.item;
        this.answer = event.whole ? event.text : this.answer + event.text;
        break;
      case 'error':
        this.error = event.code === 'input_audio_buffer_commit_empty' ? 'nothing_heard' : event.code;
        break;
      default:
    }
  }
}
