import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.opensearch.common.settings.Settings;
import org.opensearch.env.Environment;
import org.opensearch.node.Node;
import org.opensearch.transport.Netty4Plugin;

/** An OpenSearch of one node for tests, from the jars of Maven Central. Arguments: a folder of its own, and the port on 127.0.0.1. */
public class TestNode extends Node {
  TestNode(Environment environment) {
    super(environment, List.of(Netty4Plugin.class), true);
  }

  public static void main(String[] args) throws Exception { // it runs until it is killed
    Path home = Path.of(args[0]);
    Files.createDirectories(home.resolve("config"));
    Settings settings = Settings.builder()
        .put("path.home", home.toString()).put("cluster.name", "test").put("node.name", "test").put("discovery.type", "single-node")
        .put("network.host", "127.0.0.1").put("http.port", args[1]).put("http.type", "netty4").put("transport.type", "netty4")
        .build();
    TestNode node = new TestNode(new Environment(settings, home.resolve("config")));
    Runtime.getRuntime().addShutdownHook(new Thread(() -> { try { node.close(); } catch (Exception e) { e.printStackTrace(); } }));
    node.start();
    System.out.println("ready");
    Thread.currentThread().join();
  }
}
