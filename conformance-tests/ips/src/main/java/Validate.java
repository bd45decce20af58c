import ca.uhn.fhir.context.FhirContext;
import ca.uhn.fhir.context.support.DefaultProfileValidationSupport;
import ca.uhn.fhir.validation.FhirValidator;
import ca.uhn.fhir.validation.ResultSeverityEnum;
import ca.uhn.fhir.validation.SingleValidationMessage;
import ca.uhn.fhir.validation.ValidationOptions;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.hl7.fhir.common.hapi.validation.support.CommonCodeSystemsTerminologyService;
import org.hl7.fhir.common.hapi.validation.support.InMemoryTerminologyServerValidationSupport;
import org.hl7.fhir.common.hapi.validation.support.PrePopulatedValidationSupport;
import org.hl7.fhir.common.hapi.validation.support.SnapshotGeneratingValidationSupport;
import org.hl7.fhir.common.hapi.validation.support.UnknownCodeSystemWarningValidationSupport;
import org.hl7.fhir.common.hapi.validation.support.ValidationSupportChain;
import org.hl7.fhir.common.hapi.validation.validator.FhirInstanceValidator;
import org.hl7.fhir.instance.model.api.IBaseResource;
import org.hl7.fhir.utilities.npm.NpmPackage;

/** Asks HL7's instance validator about Bundles against a published package, and prints what it says by kind of message. */
public final class Validate {
    private static final String BUNDLE = "http://hl7.org/fhir/uv/ips/StructureDefinition/Bundle-uv-ips";

    public static void main(String[] args) throws Exception {
        boolean verbose = List.of(args).contains("--verbose");
        List<String> rest = Stream.of(args).filter(a -> !a.startsWith("--")).toList();
        FhirContext context = FhirContext.forR4();
        FhirValidator validator = validator(context, Path.of(rest.get(0)));
        ValidationOptions options = new ValidationOptions().addProfile(BUNDLE);
        Map<String, List<String>> kinds = new TreeMap<>();
        int files = 0;
        for (String folder : rest.subList(1, rest.size())) {
            for (Path file : files(Path.of(folder))) {
                files++;
                int errors = 0;
                for (SingleValidationMessage m : validator.validateWithResult(Files.readString(file), options).getMessages()) {
                    if (m.getSeverity() == ResultSeverityEnum.INFORMATION) continue;
                    boolean error = m.getSeverity() == ResultSeverityEnum.ERROR || m.getSeverity() == ResultSeverityEnum.FATAL;
                    if (error) errors++;
                    String kind = (error ? "error   " : "warning ") + m.getMessageId();
                    kinds.computeIfAbsent(kind, k -> new ArrayList<>()).add(file.getFileName() + " " + m.getLocationString() + ": " + m.getMessage());
                }
                System.out.println(file.getFileName() + ": " + errors + " errors");
            }
        }
        kinds.forEach((kind, all) -> {
            System.out.println("\n" + kind + " × " + all.size());
            all.stream().limit(verbose ? Long.MAX_VALUE : 5).forEach(line -> System.out.println("  " + line));
        });
        long errors = kinds.entrySet().stream().filter(e -> e.getKey().startsWith("error")).mapToLong(e -> e.getValue().size()).sum();
        System.out.println("\n" + files + " Bundles, " + errors + " errors");
        System.exit(files == 0 || errors > 0 ? 1 : 0);
    }

    private static FhirValidator validator(FhirContext context, Path folder) throws Exception {
        PrePopulatedValidationSupport published = new PrePopulatedValidationSupport(context);
        for (Path file : packages(folder)) {
            try (InputStream in = Files.newInputStream(file)) {
                NpmPackage npm = NpmPackage.fromPackage(in);
                for (String name : npm.listResources("StructureDefinition", "ValueSet", "CodeSystem")) {
                    // HAPI knows the definitions of R4 without their version.
                    String text = new String(npm.load("package", name).readAllBytes(), "UTF-8").replace("|4.0.1\"", "\"");
                    IBaseResource resource = context.newJsonParser().parseResource(text);
                    published.addResource(resource);
                }
            }
        }
        UnknownCodeSystemWarningValidationSupport unknown = new UnknownCodeSystemWarningValidationSupport(context);
        unknown.setNonExistentCodeSystemSeverity(ca.uhn.fhir.context.support.IValidationSupport.IssueSeverity.WARNING);
        ValidationSupportChain chain = new ValidationSupportChain(
            new DefaultProfileValidationSupport(context), published, new CommonCodeSystemsTerminologyService(context),
            new InMemoryTerminologyServerValidationSupport(context), new SnapshotGeneratingValidationSupport(context), unknown);
        FhirInstanceValidator instance = new FhirInstanceValidator(chain);
        instance.setNoTerminologyChecks(false);
        instance.setErrorForUnknownProfiles(true);
        return context.newValidator().registerValidatorModule(instance);
    }

    private static List<Path> packages(Path folder) throws Exception {
        try (Stream<Path> all = Files.list(folder)) {
            return all.filter(p -> p.toString().endsWith(".tgz")).sorted().toList();
        }
    }

    private static List<Path> files(Path folder) throws Exception {
        try (Stream<Path> all = Files.list(folder)) {
            return all.filter(p -> p.toString().endsWith(".json")).sorted().toList();
        }
    }
}
