#!/bin/sh
# Makes the certificates of this folder anew, with OpenSSL 3. They are committed because a machine that runs the tests
# needs no openssl; the keys protect nothing, and the authority's own key is thrown away.
set -eu
cd "$(dirname "$0")"
new() { openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -noenc "$@"; }
issue() { # name, subject, extension, days
    new -CA ca.pem -CAkey ca.key -subj "/CN=$2" -addext "$3" -addext basicConstraints=critical,CA:FALSE \
        -days "$4" -keyout "$1.key" -out "$1.crt"
}
new -subj "/CN=Tracegate tests" -addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign \
    -days 36500 -keyout ca.key -out ca.pem
issue server localhost subjectAltName=DNS:localhost,IP:127.0.0.1 36500
issue elsewhere elsewhere.example subjectAltName=DNS:elsewhere.example 36500
issue client client extendedKeyUsage=clientAuth 36500
for name in server elsewhere; do cat "$name.crt" "$name.key" > "$name.pem"; done
mv client.crt client.pem
rm -f ca.key ./*.crt server.key elsewhere.key
