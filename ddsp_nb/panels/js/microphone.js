// How the page asks for a microphone, and what it says where it gets none.
const AS_IT_IS = {
  channelCount: 1,
  echoCancellation: false,
  noiseSuppression: false,
  autoGainControl: false,
};
const INSECURE = "This page may not use a microphone: open JupyterLab at localhost or over https.";

// Ask for the microphone, without what browsers do for telephone calls; on a click only, since they ask their user.
export async function openMicrophone() {
  if (!navigator.mediaDevices) throw new Error(INSECURE);
  return navigator.mediaDevices.getUserMedia({ audio: AS_IT_IS });
}

export const closeMicrophone = (stream) => stream.getTracks().forEach((track) => track.stop()); // the red light goes out

// What an error of `openMicrophone` means, and what to do before one presses the button again.
export function whyNoMicrophone(error, button) {
  const words = {
    NotAllowedError: `The browser may not use the microphone. Allow it (the sign beside the address), then press ${button}.`,
    NotFoundError: `No microphone was found. Plug one in, then press ${button} again.`,
    NotReadableError: `Another program holds the microphone. Close it there, then press ${button} again.`,
  };
  return words[error.name] ?? error.message;
}
