package service_test

import "net/http"

func showClaims(r *round) {
	for _, name := range claimless {
		r.differ(r.withHeader(name), http.StatusInternalServerError, http.StatusUnauthorized)
	}
	r.differ(r.withHeader("preferred_username="), http.StatusOK, http.StatusUnauthorized)
	for _, name := range []string{"jti", "jti=x"} {
		r.differ(r.withHeader(name), http.StatusInternalServerError, http.StatusOK)
	}
}

func showEdDSA(r *round) { r.differ(r.withHeader("alg-EdDSA"), http.StatusUnauthorized, http.StatusOK) }

func showExp(r *round) { r.differ(r.withHeader("exp"), http.StatusOK, http.StatusUnauthorized) }

func showIat(r *round) {
	for _, name := range []string{"iat=4102444800", "iat=x"} {
		r.differ(r.withHeader(name), http.StatusUnauthorized, http.StatusOK)
	}
}

func showTokenFirst(r *round) {
	r.differ(request{method: "POST", path: "/api/jobs/search", body: "nonsense"}, http.StatusUnprocessableEntity, http.StatusUnauthorized)
}
