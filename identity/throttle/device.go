package throttle

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"encoding/binary"
	"net/http"
	"time"
)

// DeviceCookie is the name of the cookie by which a device is known. It is the
// gate's own: it never reaches the backend, and the backend can't set it.
const DeviceCookie = "__Host-gate-device"

const (
	deviceVersion = 1
	idSize        = 16
	tagSize       = 12
	knownSize     = tagSize + 2
	sealSize      = 32
	// maxKnown bounds the accounts of one device: a family's.
	maxKnown = 8
	// maxDevice bounds the cookie's value.
	maxDevice = (1+idSize+maxKnown*knownSize+sealSize)*4/3 + 4
)

// A device is what a device's cookie says. The zero value knows nobody.
type device struct {
	id    [idSize]byte
	known []knownAccount // the last first
}

// A knownAccount is one that the device signed in to, by a keyed hash.
type knownAccount struct {
	tag [tagSize]byte
	day uint16 // of the last sign-in, since 1970
}

func dayOf(now time.Time) uint16 { return uint16(now.Unix() / (24 * 3600)) }

// readDevice reads a cookie's value. What is forged or too old says nothing.
func (t *Throttle) readDevice(value string, now time.Time) (d device, ok bool) {
	if value == "" || len(value) > maxDevice {
		return device{}, false
	}
	raw, err := base64.RawURLEncoding.DecodeString(value)
	if err != nil || len(raw) < 1+idSize+sealSize || raw[0] != deviceVersion {
		return device{}, false
	}
	body, seal := raw[:len(raw)-sealSize], raw[len(raw)-sealSize:]
	want := t.hashes.Sum("device", string(body))
	if subtle.ConstantTimeCompare(seal, want[:]) != 1 {
		return device{}, false
	}
	copy(d.id[:], body[1:])
	for rest := body[1+idSize:]; len(rest) >= knownSize; rest = rest[knownSize:] {
		k := knownAccount{tag: [tagSize]byte(rest), day: binary.BigEndian.Uint16(rest[tagSize:])}
		if age := int(dayOf(now)) - int(k.day); age >= 0 && time.Duration(age)*24*time.Hour <= t.o.DeviceLife {
			d.known = append(d.known, k)
		}
	}
	return d, true
}

func (t *Throttle) tagOf(account string) [tagSize]byte {
	sum := t.hashes.Sum("known", account)
	return [tagSize]byte(sum[:])
}

// knows reports whether the device signed in to the account before.
func (d *device) knows(tag [tagSize]byte) bool {
	found := 0
	for _, k := range d.known {
		found |= subtle.ConstantTimeCompare(k.tag[:], tag[:])
	}
	return found == 1
}

// cookieFor is the device's next cookie, now that it signed in to the account. It
// has another identifier: the failures of who stole the last one are not its own.
func (t *Throttle) cookieFor(d device, tag [tagSize]byte, now time.Time) *http.Cookie {
	body := make([]byte, 1+idSize, 1+idSize+maxKnown*knownSize+sealSize)
	body[0] = deviceVersion
	rand.Read(body[1 : 1+idSize]) // never fails: crypto/rand ends the process instead
	add := func(k knownAccount) {
		body = append(body, k.tag[:]...)
		body = binary.BigEndian.AppendUint16(body, k.day)
	}
	add(knownAccount{tag, dayOf(now)})
	n := 1
	for _, k := range d.known {
		if n < maxKnown && k.tag != tag {
			add(k)
			n++
		}
	}
	seal := t.hashes.Sum("device", string(body))
	return &http.Cookie{
		Name: DeviceCookie, Value: base64.RawURLEncoding.EncodeToString(append(body, seal[:]...)), Path: "/", MaxAge: int(t.o.DeviceLife / time.Second),
		Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode,
	}
}

// DeviceOf is the value of the device's cookie of a request; empty without.
func DeviceOf(r *http.Request) string {
	c, err := r.Cookie(DeviceCookie)
	if err != nil {
		return ""
	}
	return c.Value
}

// Knows reports whether the device that brings this value of its cookie signed in
// to the account before.
func (t *Throttle) Knows(cookie, account string) bool {
	d, ok := t.readDevice(cookie, t.o.Now())
	return ok && d.knows(t.tagOf(skeleton(account)))
}
