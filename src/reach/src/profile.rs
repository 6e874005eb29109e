//! The configuration profile with which an iPhone, an iPad or a Mac takes over the house's certificate authority.

use crate::authority::Authority;

/// A profile with the authority's certificate (payload `com.apple.security.root` of Apple's configuration profiles), as
/// XML. `title` and `about` are shown before it is installed.
pub fn profile(authority: &Authority, title: &str, about: &str) -> String {
    let certificate = base64(authority.der());
    let (title, about, name) = (escaped(title), escaped(about), escaped(authority.name()));
    // The same authority always makes the same profile, so that installing it again replaces it.
    let (outer, inner) = (uuid(authority, 0), uuid(authority, 1));
    format!(
        r#"<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<plist version="1.0"><dict>
<key>PayloadType</key><string>Configuration</string>
<key>PayloadVersion</key><integer>1</integer>
<key>PayloadIdentifier</key><string>vesta.authority.{outer}</string>
<key>PayloadUUID</key><string>{outer}</string>
<key>PayloadDisplayName</key><string>{title}</string>
<key>PayloadDescription</key><string>{about}</string>
<key>PayloadContent</key><array><dict>
<key>PayloadType</key><string>com.apple.security.root</string>
<key>PayloadVersion</key><integer>1</integer>
<key>PayloadIdentifier</key><string>vesta.authority.{outer}.certificate</string>
<key>PayloadUUID</key><string>{inner}</string>
<key>PayloadDisplayName</key><string>{name}</string>
<key>PayloadCertificateFileName</key><string>vesta.crt</string>
<key>PayloadContent</key><data>{certificate}</data>
</dict></array>
</dict></plist>
"#
    )
}

/// An identifier made of the authority's fingerprint (version 8 of RFC 9562: custom).
fn uuid(authority: &Authority, number: u8) -> String {
    let mut bytes = [0_u8; 16];
    for (byte, pair) in bytes.iter_mut().zip(authority.fingerprint().split(':')) {
        *byte = u8::from_str_radix(pair, 16).unwrap_or_default();
    }
    let [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p] = bytes;
    let (g, i, p) = ((g & 0x0f) | 0x80, (i & 0x3f) | 0x80, p ^ number);
    format!(
        "{a:02X}{b:02X}{c:02X}{d:02X}-{e:02X}{f:02X}-{g:02X}{h:02X}-{i:02X}{j:02X}-{k:02X}{l:02X}{m:02X}{n:02X}{o:02X}{p:02X}"
    )
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

fn base64(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;

    #[test]
    fn the_certificate_is_in_the_profile() {
        let place = tempfile::tempdir().unwrap();
        let authority = Authority::open(place.path(), "attic", &[], SystemTime::now()).unwrap();
        let text = profile(&authority, "Vesta <3", "Trust & talk");
        let data = text.split("<data>").nth(1).unwrap().split("</data>").next().unwrap();
        use base64::Engine as _;
        assert_eq!(base64::engine::general_purpose::STANDARD.decode(data).unwrap(), authority.der());
        assert!(text.contains("Vesta &lt;3") && text.contains("Trust &amp; talk"));
        assert_eq!(text, profile(&authority, "Vesta <3", "Trust & talk"));
        assert_ne!(uuid(&authority, 0), uuid(&authority, 1));
        assert_eq!(uuid(&authority, 0).chars().nth(14), Some('8'), "version");
    }
}
