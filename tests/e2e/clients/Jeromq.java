// SPDX-License-Identifier: Apache-2.0
// Sockets of JeroMQ, led by lines on stdin as czmq.c is.
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.util.HashMap;
import java.util.Map;
import org.zeromq.ZMQ;
import org.zeromq.ZMsg;

public class Jeromq {
    private static final int LIMIT_MS = 10000;
    private static final Map<String, Integer> TYPES =
        Map.of("PUB", ZMQ.PUB, "SUB", ZMQ.SUB, "REQ", ZMQ.REQ, "REP", ZMQ.REP, "DEALER", ZMQ.DEALER, "ROUTER", ZMQ.ROUTER, "PULL",
            ZMQ.PULL, "PUSH", ZMQ.PUSH);

    private final ZMQ.Context context = ZMQ.context(1);
    private final Map<String, ZMQ.Socket> sockets = new HashMap<>();

    private static byte[] frame(String text) {
        int length = text.equals("-") ? 0 : text.length() / 2;
        byte[] octets = new byte[length];
        for (int i = 0; i < length; i++)
            octets[i] = (byte) Integer.parseInt(text.substring(2 * i, 2 * i + 2), 16);
        return octets;
    }

    private static String text(byte[] octets) {
        StringBuilder text = new StringBuilder();
        for (byte octet : octets)
            text.append(String.format("%02X", octet));
        return octets.length == 0 ? "-" : text.toString();
    }

    private String open(String name, String type, String address) {
        ZMQ.Socket socket = context.socket(TYPES.get(type));
        socket.setLinger(0);
        socket.setReceiveTimeOut(LIMIT_MS);
        socket.setSendTimeOut(LIMIT_MS);
        socket.connect(address);
        sockets.put(name, socket);
        return "ok";
    }

    private String send(ZMQ.Socket socket, String[] words) {
        ZMsg message = new ZMsg();
        for (int i = 2; i < words.length; i++)
            message.add(frame(words[i]));
        return message.send(socket) ? "ok" : "nothing";
    }

    private String receive(ZMQ.Socket socket) {
        byte[] octets = socket.recv(0);
        if (octets == null)
            return "nothing";
        StringBuilder frames = new StringBuilder(text(octets));
        while (socket.hasReceiveMore())
            frames.append(" ").append(text(socket.recv(0)));
        return frames.toString();
    }

    private String obey(String[] words) {
        ZMQ.Socket socket = sockets.get(words[1]);
        switch (words[0]) {
        case "open":
            return open(words[1], words[2], words[3]);
        case "subscribe":
            socket.subscribe(frame(words[2]));
            return "ok";
        case "send":
            return send(socket, words);
        case "receive":
            return receive(socket);
        default:
            sockets.remove(words[1]).close();
            return "ok";
        }
    }

    public static void main(String[] arguments) throws Exception {
        Jeromq client = new Jeromq();
        BufferedReader lines = new BufferedReader(new InputStreamReader(System.in));
        for (String line; (line = lines.readLine()) != null;) {
            System.out.println(client.obey(line.split(" ")));
            System.out.flush();
        }
        System.exit(0);
    }
}
