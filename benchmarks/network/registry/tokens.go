package main

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"
)

// What a client signs in with. It is no secret: it opens nothing but this registry.
const (
	user     = "bench"
	password = "no-secret"
)

const (
	accessLife  = 75 * time.Minute
	refreshLife = 3 * time.Hour
)

// issued are the tokens that were given, by their text.
type issued struct {
	mu     sync.Mutex
	tokens map[string]grant
}

type grant struct {
	refresh bool
	scopes  map[string]map[string]bool // actions by type and name
	until   time.Time
}

func newID() string {
	bytes := make([]byte, 16)
	rand.Read(bytes)
	return hex.EncodeToString(bytes)
}

// give issues a token with the form and the length of ACR's: clients read when it expires.
func (i *issued) give(refresh bool, scopes []string) string {
	life := accessLife
	if refresh {
		life = refreshLife
	}
	now := time.Now()
	claims := map[string]any{"jti": newID(), "iat": now.Unix(), "nbf": now.Unix(), "exp": now.Add(life).Unix(),
		"access": scopes, "padding": strings.Repeat("p", 600)}
	part := func(value any) string {
		text, _ := json.Marshal(value)
		return base64.RawURLEncoding.EncodeToString(text)
	}
	token := part(map[string]string{"alg": "RS256", "typ": "JWT"}) + "." + part(claims) + "." + strings.Repeat("s", 342)
	given := grant{refresh, map[string]map[string]bool{}, now.Add(life)}
	for _, scope := range scopes {
		at := strings.LastIndex(scope, ":")
		if at < 0 {
			continue
		}
		name := scope[:at]
		if given.scopes[name] == nil {
			given.scopes[name] = map[string]bool{}
		}
		for _, action := range strings.Split(scope[at+1:], ",") {
			given.scopes[name][action] = true
		}
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	i.tokens[token] = given
	return token
}

func (i *issued) find(token string, refresh bool) (grant, bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	given, found := i.tokens[token]
	return given, found && given.refresh == refresh && time.Now().Before(given.until)
}

// exchange makes a refresh token of a token of Entra.
func (g *registry) exchange(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost || r.FormValue("access_token") == "" || r.FormValue("service") != g.host {
		refuse(w, http.StatusUnauthorized, "UNAUTHORIZED")
		return
	}
	answer(w, http.StatusOK, map[string]string{"refresh_token": g.issued.give(true, nil)})
}

// token gives an access token for exactly what was asked: for a login by Basic, a password, or a refresh token.
func (g *registry) token(w http.ResponseWriter, r *http.Request) {
	if r.ParseForm() != nil || r.Form.Get("service") != g.host || !g.isKnown(r) {
		refuse(w, http.StatusUnauthorized, "UNAUTHORIZED")
		return
	}
	var scopes []string
	for _, scope := range r.Form["scope"] {
		scopes = append(scopes, strings.Fields(scope)...)
	}
	answer(w, http.StatusOK, map[string]string{"access_token": g.issued.give(false, scopes)})
}

func (g *registry) isKnown(r *http.Request) bool {
	if name, secret, has := r.BasicAuth(); has {
		return name == user && secret == password
	}
	switch r.PostForm.Get("grant_type") {
	case "refresh_token":
		_, found := g.issued.find(r.PostForm.Get("refresh_token"), true)
		return found
	case "password":
		return r.PostForm.Get("username") == user && r.PostForm.Get("password") == password
	}
	return false
}

// isRefused challenges a client whose token does not cover all that is needed: "repository:NAME:ACTION,ACTION".
func (g *registry) isRefused(w http.ResponseWriter, r *http.Request, needed ...string) bool {
	authorization := r.Header.Get("Authorization")
	token, isBearer := strings.CutPrefix(authorization, "Bearer ")
	given, found := g.issued.find(token, false)
	if isBearer && found && given.covers(needed) {
		return false
	}
	challenge := fmt.Sprintf(`Bearer realm="https://%s/oauth2/token",service="%s"`, g.host, g.host)
	if len(needed) > 0 {
		challenge += fmt.Sprintf(`,scope="%s"`, strings.Join(needed, " "))
	}
	if found {
		challenge += `,error="insufficient_scope"`
	}
	w.Header().Set("WWW-Authenticate", challenge)
	io.Copy(io.Discard, io.LimitReader(r.Body, 1<<20))
	refuse(w, http.StatusUnauthorized, "UNAUTHORIZED")
	return true
}

func (g grant) covers(needed []string) bool {
	for _, scope := range needed {
		at := strings.LastIndex(scope, ":")
		for _, action := range strings.Split(scope[at+1:], ",") {
			if actions := g.scopes[scope[:at]]; !actions[action] && !actions["*"] {
				return false
			}
		}
	}
	return true
}
