// @ts-check
// A Realtime session over WebRTC: events on the data channel `oai-events`, audio beside it.
import { get } from '../lib/api.js';
import { Transport } from './transport.js';

/** A connection that is lost for this long is not coming back by itself. */
const LOST_MS = 2_000;

export class RtcTransport extends Transport {
  /** @type {RTCPeerConnection | null} */
  #peer = null;
  /** @type {RTCDataChannel | null} */
  #channel = null;
  /** @type {RTCRtpSender | null} */
  #sender = null;
  /** @type {MediaStreamTrack | null} */
  #track = null;
  #sound = new Audio();
  #call = '';
  #listening = false;
  #closed = false;
  #open = false;
  #restarting = false;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #lost;

  constructor() {
    super();
    this.kind = /** @type {const} */ ('webrtc');
    this.#sound.autoplay = true;
  }

  /** @param {AbortSignal} signal */
  async connect(signal) {
    const { iceServers } = await get('/api/rtc', { signal });
    const peer = new RTCPeerConnection({ iceServers });
    this.#peer = peer;
    signal.addEventListener('abort', () => this.#open || this.close());
    // The microphone comes later, when somebody speaks: its place is kept.
    this.#sender = peer.addTransceiver('audio', { direction: 'sendrecv' }).sender;
    peer.ontrack = ({ track }) => {
      this.#sound.srcObject = new MediaStream([track]);
    };
    const channel = peer.createDataChannel('oai-events');
    this.#channel = channel;
    channel.onmessage = ({ data }) => {
      const event = JSON.parse(data);
      if (event.type === 'output_audio_buffer.started') this.tellPlaying(true);
      if (event.type === 'output_audio_buffer.stopped' || event.type === 'output_audio_buffer.cleared') this.tellPlaying(false);
      this.tellEvent(event);
    };
    channel.onclose = () => this.#gone('the data channel was closed');
    peer.onconnectionstatechange = () => this.#watch(peer.connectionState);

    await peer.setLocalDescription(await peer.createOffer());
    await this.#describe('/v1/realtime/calls', 'POST', signal);
    await new Promise((resolve, reject) => {
      if (channel.readyState === 'open') resolve(undefined);
      channel.onopen = () => resolve(undefined);
      signal.addEventListener('abort', () => reject(signal.reason));
    });
    this.#open = true;
  }

  /**
   * Sends our description and takes the server's.
   * @param {string} path
   * @param {'POST' | 'PATCH'} method
   * @param {AbortSignal} [signal]
   */
  async #describe(path, method, signal) {
    const sdp = this.#peer?.localDescription?.sdp ?? '';
    /** @type {BodyInit} */
    let body = sdp;
    /** @type {Record<string, string>} */
    const headers = { 'content-type': 'application/sdp' };
    if (method === 'POST') {
      const form = new FormData();
      form.set('sdp', sdp);
      form.set('session', JSON.stringify({ type: 'realtime', model: 'vesta' }));
      body = form;
      delete headers['content-type'];
    }
    const response = await fetch(path, { method, body, headers, credentials: 'same-origin', signal: signal ?? null });
    if (!response.ok) throw new Error(`the call was refused (${response.status})`);
    this.#call = response.headers.get('location') ?? this.#call;
    await this.#peer?.setRemoteDescription({ type: 'answer', sdp: await response.text() });
  }

  /** @param {RTCPeerConnectionState} state */
  #watch(state) {
    clearTimeout(this.#lost);
    if (state === 'failed') this.#gone('no way to the server was found');
    else if (state === 'disconnected') {
      void this.moved();
      this.#lost = setTimeout(() => this.#gone('the connection was lost'), LOST_MS);
    }
  }

  /** The network changed: looks for another way, within the same session. */
  async moved() {
    if (this.#restarting || !this.#peer || !this.#call || this.#closed) return;
    this.#restarting = true;
    try {
      await this.#peer.setLocalDescription(await this.#peer.createOffer({ iceRestart: true }));
      await this.#describe(this.#call, 'PATCH', AbortSignal.timeout(LOST_MS));
    } catch (error) {
      this.#gone(error instanceof Error ? error.message : 'the connection was lost');
    } finally {
      this.#restarting = false;
    }
  }

  /** @param {Record<string, unknown>} event */
  send(event) {
    if (this.#channel?.readyState === 'open') this.#channel.send(JSON.stringify(event));
  }

  /** @param {MediaStream} stream */
  async attach(stream) {
    const [track] = stream.getAudioTracks();
    this.#track = track ?? null;
    await this.#sender?.replaceTrack(this.#listening ? this.#track : null);
  }

  /** @param {boolean} on */
  listen(on) {
    this.#listening = on;
    // Where nobody listens nothing is sent, not even silence.
    void this.#sender?.replaceTrack(on ? this.#track : null).catch(() => {});
    if (on) void this.#sound.play().catch(() => {});
  }

  silence() {
    this.send({ type: 'output_audio_buffer.clear' });
    return null;
  }

  /** @returns {Promise<import('./transport.js').Path>} */
  async path() {
    /** @type {import('./transport.js').Path} */
    const path = { kind: 'udp', rttMs: null };
    const stats = await this.#peer?.getStats();
    /** @type {any[]} */
    const reports = stats ? [...stats.values()] : [];
    const transport = reports.find((report) => report.type === 'transport');
    const pair =
      reports.find((report) => report.id === transport?.selectedCandidatePairId) ??
      reports.find((report) => report.type === 'candidate-pair' && report.nominated && report.state === 'succeeded');
    const local = reports.find((report) => report.id === pair?.localCandidateId);
    const remote = reports.find((report) => report.id === pair?.remoteCandidateId);
    if (pair?.currentRoundTripTime !== undefined) path.rttMs = pair.currentRoundTripTime * 1_000;
    if (local?.candidateType === 'relay') path.kind = 'turn';
    else if (local?.protocol === 'tcp' || remote?.protocol === 'tcp') path.kind = 'tcp';
    if (remote?.address) path.detail = `${remote.address}:${remote.port}`;
    return path;
  }

  /** @param {string} reason */
  #gone(reason) {
    if (this.#closed) return;
    this.close();
    this.tellClosed(reason);
  }

  close() {
    if (this.#closed) return;
    this.#closed = true;
    clearTimeout(this.#lost);
    if (this.#channel) this.#channel.onclose = null;
    this.#peer?.close();
    this.#sound.srcObject = null;
    if (this.#call) {
      const path = new URL(this.#call, location.href).pathname;
      void fetch(`${path}/hangup`, { method: 'POST', keepalive: true, credentials: 'same-origin' }).catch(() => {});
    }
  }
}
