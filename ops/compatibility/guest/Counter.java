// In the title: how often a timer has rung, and what was typed.
import java.awt.Dimension;
import javax.swing.JFrame;
import javax.swing.JTextArea;
import javax.swing.SwingUtilities;
import javax.swing.Timer;

class Counter {
  private static int count = 0;

  public static void main(String[] arguments) {
    SwingUtilities.invokeLater(() -> {
      JFrame frame = new JFrame("counter");
      JTextArea text = new JTextArea();
      text.setPreferredSize(new Dimension(600, 300));
      frame.add(text);
      frame.pack();
      frame.setVisible(true);
      new Timer(200, event -> frame.setTitle("counted " + ++count + ": " + text.getText() + ".")).start();
    });
  }
}
