package attacks

import (
	"bytes"
	"context"
	"errors"
	"image"
	"image/png"
	"net/http"
	"strconv"
)

func accounts() []Case {
	const class = "Account"
	return []Case{
		{ID: "sign-up", Title: "Make an account as Siobhán O'Reilly", Kind: Ordinary, Class: class, Try: "{base}/signup", Run: signsUp},
		{ID: "sign-in", Title: "Sign in with a password full of quotation marks", Kind: Ordinary, Class: class, Try: `{base}/signup and {base}/login with  it's "quoted"; -- <ok>`, Run: signsInQuoted},
		{ID: "sign-in-wrong", Title: "Mistype a password once, then sign in", Kind: Ordinary, Class: class, Try: "{base}/login", Run: mistypes},
		{ID: "sign-in-mistyped", Title: "Mistype a password five times, then sign in", Kind: Ordinary, Class: class, Try: "{base}/login", Run: mistypesOften},
		{ID: "sign-in-guessed", Title: "Sign in on one's own device while somebody guesses", Kind: Ordinary, Class: class, Try: "{base}/login, in two browsers", Run: signsInMeanwhile},
		{ID: "sign-in-office", Title: "Thirty people of one office sign in, three of whom mistype", Kind: Ordinary, Class: class, Try: "{base}/login, from one address", Run: officeSignsIn},
		{ID: "sign-in-renewed", Title: "Sign in with a full cart, by a session that is renewed", Kind: Ordinary, Class: class, Try: "{base}/cart, then {base}/login", Run: renewsSession},
		{ID: "sign-in-checkout", Title: "Sign in on the way to the checkout, by a session that is not renewed", Kind: Ordinary, Class: class, Try: "{base}/login?next=/checkout, then {base}/checkout and {base}/account", Run: signsInToBuy},
		{ID: "sign-in-next", Title: "Be asked to sign in, and come back to the page", Kind: Ordinary, Class: class, Try: "{base}/profile, not signed in", Run: comesBack},
		{ID: "sign-out", Title: "Sign out", Kind: Ordinary, Class: class, Try: "{base}/account: Sign out", Run: signsOut},
		{ID: "profile", Title: "Change one's profile, with letters of many scripts", Kind: Ordinary, Class: class, Try: "{base}/profile", Run: changesProfile},
		{ID: "upload", Title: "Upload a picture, and get the same bytes back", Kind: Ordinary, Class: class, Try: "{base}/profile: a PNG called  me & you (1).png", Run: uploads(24)},
		{ID: "upload-large", Title: "Upload a picture of three megabytes", Kind: Ordinary, Class: class, Try: "{base}/profile: a large PNG", Run: uploads(900)},
		{ID: "picture-from-web", Title: "Take a picture from the web", Kind: Ordinary, Class: class, Try: "{base}/profile: http://photos.example/teapot.svg", Run: takesPicture},
		{ID: "office", Title: "Look at the back office as its owner", Kind: Ordinary, Class: class, Try: "{base}/login as ingrid@wrenalder.example, lighthouse, then {base}/admin", Run: opensOffice},
		{ID: "office-customers", Title: "Save the list of customers as the owner", Kind: Ordinary, Class: class, Try: "{base}/admin/customers, as the owner", Run: savesCustomers},
		{ID: "office-price", Title: "Change a price as the owner", Kind: Ordinary, Class: class, Try: "{base}/admin: Running low, Set", Run: changesPrice},
	}
}

func signsUp(ctx context.Context, t *Target) (Result, error) {
	v, email := newVisitor(t), "siobhan.o'reilly+"+marker()+"@example.com"
	r, err := v.post(ctx, "/signup", "name", "Siobhán O'Reilly", "email", email, "password", "correct horse battery staple")
	if err != nil {
		return Result{}, err
	}
	if r, err = v.get(ctx, r.location()); err != nil {
		return Result{}, err
	}
	return r.expect(http.StatusOK, "Hello, Siobhán O'Reilly", email)
}

func signsInQuoted(ctx context.Context, t *Target) (Result, error) {
	v, err := signUp(ctx, t, `it's "quoted"; -- <ok> \ % 密码`)
	if err != nil {
		return Result{}, err
	}
	return signsIn(ctx, newVisitor(t), v.email, v.password)
}

func mistypes(ctx context.Context, t *Target) (Result, error) {
	account, err := signUp(ctx, t, "slippery fingers")
	if err != nil {
		return Result{}, err
	}
	v := newVisitor(t)
	r, err := v.post(ctx, "/login", "email", account.email, "password", "slippery fungers")
	if err != nil {
		return Result{}, err
	}
	// A gate may answer alike for all accounts: by a page of its own, that leads back
	// to the form.
	if r.status != http.StatusUnauthorized || !r.has(`name="password"`) && !r.has(`href="/login"`) {
		return failed(r, "a wrong password is answered by %d, and by nothing that leads on", r.status)
	}
	return signsIn(ctx, v, account.email, account.password)
}

func mistypesOften(ctx context.Context, t *Target) (Result, error) {
	account, err := signUp(ctx, t, "five thumbs")
	if err != nil {
		return Result{}, err
	}
	v := newVisitor(t)
	for _, word := range []string{"five thumb", "Five thumbs", "fivethumbs", "five rhumbs", "five thumbs "} {
		r, err := v.post(ctx, "/login", "email", account.email, "password", word)
		if err != nil {
			return Result{}, err
		}
		if r.status != http.StatusUnauthorized {
			return failed(r, "a wrong password is answered by %d", r.status)
		}
	}
	return signsIn(ctx, v, account.email, account.password)
}

// signsInMeanwhile is the owner of an account, on a device that signed in before,
// while a stranger guesses; whether the stranger is refused is all the same here.
func signsInMeanwhile(ctx context.Context, t *Target) (Result, error) {
	account, err := signUp(ctx, t, "every morning")
	if err != nil {
		return Result{}, err
	}
	device := newVisitor(t)
	if result, err := signsIn(ctx, device, account.email, account.password); err != nil || !result.Succeeded {
		return result, err
	}
	stranger := newVisitor(t)
	for n := range 12 {
		var refused *refusedError
		if _, err := stranger.guess(ctx, account.email, "guess "+strconv.Itoa(n)); err != nil && !errors.As(err, &refused) {
			return Result{}, err
		}
	}
	if _, err := device.post(ctx, "/logout"); err != nil {
		return Result{}, err
	}
	return signsIn(ctx, device, account.email, account.password)
}

func officeSignsIn(ctx context.Context, t *Target) (Result, error) {
	last, at := Result{}, newAddress()
	for n := range 30 {
		person := newVisitor(t)
		person.address = at
		account, err := person.signsUp(ctx, "good morning "+strconv.Itoa(n))
		if err != nil {
			return Result{}, err
		}
		desk := newVisitor(t)
		desk.address = at
		if n%10 == 9 {
			if _, err := desk.post(ctx, "/login", "email", account.email, "password", "good evening"); err != nil {
				return Result{}, err
			}
		}
		if last, err = signsIn(ctx, desk, account.email, account.password); err != nil || !last.Succeeded {
			return last, err
		}
	}
	return last, nil
}

func renewsSession(ctx context.Context, t *Target) (Result, error) {
	account, err := signUp(ctx, t, "new and old")
	if err != nil {
		return Result{}, err
	}
	v := newVisitor(t)
	if _, err := v.post(ctx, "/cart/add", "product", "24", "quantity", "2"); err != nil {
		return Result{}, err
	}
	before := v.copied()
	if result, err := signsIn(ctx, v, account.email, account.password); err != nil || !result.Succeeded {
		return result, err
	}
	old, err := before.get(ctx, "/account")
	if err != nil {
		return Result{}, err
	}
	if old.status != http.StatusSeeOther {
		return failed(old, "the session of before is signed in as well")
	}
	r, err := v.get(ctx, "/cart")
	if err != nil {
		return Result{}, err
	}
	return r.expect(http.StatusOK, "Six pencils")
}

// signsInToBuy signs in where the shop does not renew the session: the browser goes
// on with it.
func signsInToBuy(ctx context.Context, t *Target) (Result, error) {
	account, err := signUp(ctx, t, "on the way")
	if err != nil {
		return Result{}, err
	}
	v := newVisitor(t)
	if _, err := v.post(ctx, "/cart/add", "product", "24", "quantity", "2"); err != nil {
		return Result{}, err
	}
	if _, err := v.post(ctx, "/login", "email", account.email, "password", account.password, "next", "/checkout"); err != nil {
		return Result{}, err
	}
	if result, err := v.opens(ctx, account.email, "signed in", "not signed in"); err != nil || !result.Succeeded {
		return result, err
	}
	r, err := v.get(ctx, "/checkout")
	if err != nil {
		return Result{}, err
	}
	return r.expect(http.StatusOK, "Six pencils")
}

func comesBack(ctx context.Context, t *Target) (Result, error) {
	account, err := signUp(ctx, t, "back again")
	if err != nil {
		return Result{}, err
	}
	v := newVisitor(t)
	r, err := v.get(ctx, "/profile")
	if err != nil {
		return Result{}, err
	}
	if r.status != http.StatusSeeOther || r.location() != "/login?next=/profile" {
		return failed(r, "the visitor was not asked to sign in, but sent to %q", r.location())
	}
	if r, err = v.post(ctx, "/login", "email", account.email, "password", account.password, "next", "/profile"); err != nil {
		return Result{}, err
	}
	if r, err = v.get(ctx, r.location()); err != nil {
		return Result{}, err
	}
	return r.expect(http.StatusOK, "Reviews are signed", account.email)
}

func signsOut(ctx context.Context, t *Target) (Result, error) {
	v, err := signUp(ctx, t, "so long")
	if err != nil {
		return Result{}, err
	}
	before := v.copied()
	r, err := v.post(ctx, "/logout")
	if err != nil {
		return Result{}, err
	}
	if r, err = v.get(ctx, r.location()); err != nil {
		return Result{}, err
	}
	if result, err := r.expect(http.StatusOK, "You are signed out", "Sign in"); err != nil || !result.Succeeded {
		return result, err
	}
	if r, err = before.get(ctx, "/account"); err != nil {
		return Result{}, err
	}
	return judged(r, r.status == http.StatusSeeOther, "the session is over in every tab", "the session goes on in another tab")
}

func changesProfile(ctx context.Context, t *Target) (Result, error) {
	v, err := signUp(ctx, t, "who am I")
	if err != nil {
		return Result{}, err
	}
	want := profile{Name: "Zoë Müller-Øst (née D'Angelo)", Nickname: "Ζωή 🌿", Street: "1/2 Main St. & 3rd", City: "東京都 100-0001"}
	_, err = v.post(ctx, "/profile", "id", strconv.FormatInt(v.id, 10), "name", want.Name, "nickname", want.Nickname, "street", want.Street, "city", want.City)
	if err != nil {
		return Result{}, err
	}
	r, err := v.get(ctx, "/profile?done=saved")
	if err != nil {
		return Result{}, err
	}
	got, err := v.profile(ctx)
	if err != nil {
		return Result{}, err
	}
	want.ID, want.Email, want.Role, want.Picture = got.ID, v.email, "customer", ""
	return judged(r, r.status == http.StatusOK && got == want, "as it should be", "the profile is not what was saved")
}

func smallPNG() []byte { return squarePNG(24) }

// squarePNG is a picture of side by side points, four bytes a point and more.
func squarePNG(side int) []byte {
	picture := image.NewNRGBA(image.Rect(0, 0, side, side))
	for i := range picture.Pix {
		picture.Pix[i] = uint8(i*i>>5) | 1 // not opaque, so that all four bytes are kept
	}
	var b bytes.Buffer
	encoder := png.Encoder{CompressionLevel: png.NoCompression}
	if err := encoder.Encode(&b, picture); err != nil {
		panic(err) // a bytes.Buffer takes everything, and the picture is sound
	}
	return b.Bytes()
}

// uploads sends a square picture, after asking whether it may where it is
// large, as curl does.
func uploads(side int) func(context.Context, *Target) (Result, error) {
	return func(ctx context.Context, t *Target) (Result, error) {
		v, err := signUp(ctx, t, "say cheese")
		if err != nil {
			return Result{}, err
		}
		want := squarePNG(side)
		a, err := upload(sender{}, "/profile/picture", "me & you (1).png", "image/png", want)
		if err != nil {
			return Result{}, err
		}
		if len(want) > 1<<20 {
			a.header = map[string]string{"Expect": "100-continue"}
		}
		if _, err := v.send(ctx, a); err != nil {
			return Result{}, err
		}
		r, err := v.picture(ctx)
		if err != nil {
			return Result{}, err
		}
		same := r.status == http.StatusOK && r.header.Get("Content-Type") == "image/png" && bytes.Equal(r.body, want)
		return judged(r, same, "the same bytes came back", "the picture did not come back as it was")
	}
}

func takesPicture(ctx context.Context, t *Target) (Result, error) {
	v, err := signUp(ctx, t, "from afar")
	if err != nil {
		return Result{}, err
	}
	if _, err := v.post(ctx, "/profile/picture-from-url", "url", "http://photos.example/teapot.svg"); err != nil {
		return Result{}, err
	}
	r, err := v.picture(ctx)
	if err != nil {
		return Result{}, err
	}
	return r.expect(http.StatusOK, "<svg")
}

func signedInOwner(ctx context.Context, t *Target) (*visitor, error) {
	v := newVisitor(t)
	_, err := v.post(ctx, "/login", "email", owner().Email, "password", owner().Password)
	return v, err
}

func opensOffice(ctx context.Context, t *Target) (Result, error) {
	v, err := signedInOwner(ctx, t)
	if err != nil {
		return Result{}, err
	}
	return v.entersOffice(ctx)
}

func savesCustomers(ctx context.Context, t *Target) (Result, error) {
	v, err := signedInOwner(ctx, t)
	if err != nil {
		return Result{}, err
	}
	r, err := v.get(ctx, "/admin/customers")
	if err != nil {
		return Result{}, err
	}
	return r.expect(http.StatusOK, "number,e-mail,name", "marta@example.com")
}

func changesPrice(ctx context.Context, t *Target) (Result, error) {
	v, err := signedInOwner(ctx, t)
	if err != nil {
		return Result{}, err
	}
	before, err := v.article(ctx, 9)
	if err != nil {
		return Result{}, err
	}
	price := before.Price%9000 + 100
	r, err := v.post(ctx, "/admin/products/9", "price", strconv.FormatInt(price, 10))
	if err != nil {
		return Result{}, err
	}
	after, err := v.article(ctx, 9)
	if err != nil {
		return Result{}, err
	}
	return judged(r, after.Price == price, "the price is changed", "the price is as it was")
}
