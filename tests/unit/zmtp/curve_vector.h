/* SPDX-License-Identifier: Apache-2.0
 *
 * curve_vector.h: a whole connection by CURVE: a SUB of libzmq 4.3.4, subscribed to "ev", and a server with known keys and
 * dice. Hex as test_codec.h reads it. */
#pragma once

/* The server's keys (the secret is SHA-256 of "server"), and the client's public one. */
#define CURVE_SECRET "b3eacd33433b31b5252351032c9b3e7a2e7aa7738d5decdf0dd6c62680853c06"
#define CURVE_PUBLIC "af1855c95e561b3464c6ce46a1d7914de6183cfb1629cecf9ce1f8a82533276b"
#define CURVE_CLIENT "347e36bd8706095944b7ad01295e0a6977afaf52509275ee9f6cec39033d880f"

/* What the server drew: SHA-256 of "server-transient" and of "cookie-key"; the nonces of cookie and WELCOME. */
#define CURVE_DRAWN                                                                                          \
    "2bb610fde0931d0bda324e608fc6d40a2e777c2eb5449d5a6fc128019374e3b9"                                       \
    "bd9bce81ae4aa39f933ace066c22718e630612f547e043c45f5e548bc0e7febf"                                       \
    "11*16 22*16"

/* The client's frames; INITIATE says Socket-Type=SUB. */
#define CURVE_HELLO                                                                                          \
    "04c80548454c4c4f010000000000000000000000000000000000000000000000000000000000000000000000000000000000"   \
    "0000000000000000000000000000000000000000000000000000000000000000640a27548acf5768d99e6a9ac3f019840258"   \
    "bac2e469e486b11a938c0854ba290000000000000001ec7f1bd8ebf01c10eb0d4f3d18b79c18430031854d7aa8b9d1731983"   \
    "401a50239a29a6ba31c6e0f652af76b715385a11c7596010ed7b7f510466ea73fb370d304de5f619e9c0725b380fd98f63d9"   \
    "368a"
#define CURVE_INITIATE                                                                                       \
    "06000000000000011408494e495449415445111111111111111111111111111111115df5bf76274f9b092801835fcadb0770"   \
    "e017de8bbec458b9cbe2d4ba80c0505417f6034953307939e102d6c1787c1ff243924bbf370ac5d3790e14e5287cf1d7d151"   \
    "16873a183315b9509f12865c369f00000000000000023ca07d86ff4fbbdeddf613504812ff1d1d0083d5e8459d15ba9c1b13"   \
    "f569c4b1c0a7f786e29636dc5be51a36ab21c41f7c1c3c06dc650cb8f3b5d4d95d79a9f8ab6deaf2f2236f311cd64206842e"   \
    "d227cbf4e54eaaeccb9f708173ce78eb1c75050fb87a75e9902fecd949a0cb1794d91e1fa6fdbe0bd251eb3955832fb449d5"   \
    "f37ff37e67070898545c8d7c57a03c68639b0e0586017ec70c704be289dc1ed4fb47cd"
/* A 3.1 SUBSCRIBE within a MESSAGE. */
#define CURVE_SUBSCRIBE                                                                                      \
    "002d074d4553534147450000000000000003523beb1b45ce6766e0f85592574efb0dc81c0470b6eb4fffb65843e3b6"

/* The server's frames; READY says Socket-Type=XPUB. */
#define CURVE_WELCOME                                                                                        \
    "04a80757454c434f4d452222222222222222222222222222222271a3804f7bdb7dcb522efdfa727f875dbfd7875148c111b6"   \
    "321c98274d10322580660e35abe1e48d354858ace13958281ab07d7dd8afba427f11be4efccfc9b1a7ea7d233e3b929b9406"   \
    "f0f3581bda6b03d51b2dc3c4dcc307d206a510563954f77830c26ba1bc59c0322b311de8f631e2175e913d4e13c9132ab3ea"   \
    "7857ed3fabf7b7b5d0797cb51d11e6dab19f7048"
#define CURVE_READY                                                                                          \
    "04320552454144590000000000000001c3dc20aa6d5e3cb4b0f9a45ab4df92b69a64beedabefc51414d25c9d288ef2f7de7f"   \
    "47aa"
/* "event", with MORE, and "hello": the client's application got them. */
#define CURVE_EVENT      "0026074d4553534147450000000000000002336b6c751ad55626c75ef2a8ea788ddc460519ed14b1"
#define CURVE_HELLO_TEXT "0026074d45535341474500000000000000039307a085102aa92e40357f6308adec230f4f30b57e82"
